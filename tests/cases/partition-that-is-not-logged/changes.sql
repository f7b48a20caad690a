UPDATE cheap.events SET note = 'b';
