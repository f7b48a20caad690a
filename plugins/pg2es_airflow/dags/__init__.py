"""The DAGs: one module for each job, which declares and wires what the tasks beside this folder do."""
