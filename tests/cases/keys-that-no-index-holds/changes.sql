UPDATE endless.pages SET title = upper(title);
