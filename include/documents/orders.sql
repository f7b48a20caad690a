-- One document for each order: its customer's name and country, its items with their products.
SELECT root.id,
       root.status,
       root.note,
       root.weight,
       root.meta,
       root.ordered_at,
       root.shipped_at,
       (SELECT json_build_object('id', c.id, 'name', c.name, 'country', c.country)
        FROM public.customers c
        WHERE c.id = root.customer_id) AS customer,
       items.list AS items,
       items.total
FROM root
CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object('line', i.line, 'sku', p.sku, 'product', p.name,
                                      'quantity', i.quantity, 'price', i.price) ORDER BY i.line) AS list,
           sum(i.quantity * i.price) AS total
    FROM public.order_items i
    JOIN public.products p ON p.id = i.product_id
    WHERE i.order_id = root.id
) items
