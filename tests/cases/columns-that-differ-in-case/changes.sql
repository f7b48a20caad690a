UPDATE folded_columns.devices SET name = 'water pump' WHERE id = 1;
UPDATE folded_columns.devices SET imported_name = 'VALVE 2' WHERE id = 2;
