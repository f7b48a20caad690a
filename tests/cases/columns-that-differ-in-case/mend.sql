ALTER TABLE folded_columns.devices RENAME "Name" TO imported_name
