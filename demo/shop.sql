-- The sample shop. Owned by role `shop`, of which pg2es is a member: creating a publication takes the owner's rights.
CREATE TABLE public.customers (
    id         bigint PRIMARY KEY,
    name       text NOT NULL,
    email      text UNIQUE,
    country    char(2),
    tags       text[],
    birthday   date,
    created_at timestamptz NOT NULL
);

CREATE TABLE public.products (
    id         uuid PRIMARY KEY,
    sku        text NOT NULL UNIQUE,
    name       text NOT NULL,
    price      numeric(12, 2) NOT NULL,
    attributes jsonb
);

CREATE TABLE public.orders (
    id          bigint PRIMARY KEY,
    customer_id bigint REFERENCES public.customers,
    status      text NOT NULL,
    note        text,
    weight      numeric,
    meta        jsonb,
    ordered_at  timestamptz NOT NULL,
    shipped_at  timestamp
);
CREATE INDEX ON public.orders (customer_id);

CREATE TABLE public.order_items (
    order_id   bigint NOT NULL REFERENCES public.orders ON DELETE CASCADE,
    line       integer NOT NULL,
    product_id uuid NOT NULL REFERENCES public.products,
    quantity   integer NOT NULL,
    price      numeric(12, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);
CREATE INDEX ON public.order_items (product_id);
