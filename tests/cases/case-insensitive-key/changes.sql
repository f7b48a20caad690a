UPDATE collated.users SET name = 'Anna' WHERE login = 'ANN';
