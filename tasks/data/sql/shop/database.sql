-- A shop that sells garden tools by mail.
CREATE TABLE customer (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  email VARCHAR(80),
  city VARCHAR(40) NOT NULL
);
CREATE UNIQUE INDEX customer_email ON customer (email);
CREATE TABLE product (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  category VARCHAR(30) NOT NULL,
  price DECIMAL(8, 2) NOT NULL,
  stock INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE purchase (
  id INTEGER NOT NULL PRIMARY KEY,
  customer_id INTEGER NOT NULL,
  placed DATE NOT NULL,
  status VARCHAR(12) NOT NULL,
  FOREIGN KEY (customer_id) REFERENCES customer (id)
);
CREATE TABLE purchase_line (
  purchase_id INTEGER NOT NULL,
  product_id INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  unit_price DECIMAL(8, 2) NOT NULL,
  PRIMARY KEY (purchase_id, product_id),
  FOREIGN KEY (purchase_id) REFERENCES purchase (id),
  FOREIGN KEY (product_id) REFERENCES product (id)
);
INSERT INTO customer VALUES
  (1, 'Hanna Berg', 'hanna@post.example', 'Lund'), (2, 'Oskar Vik', 'oskar@post.example', 'Umea'),
  (3, 'Lina Dahl', NULL, 'Lund'), (4, 'Emil Nord', 'emil@post.example', 'Kiruna'),
  (5, 'Maja Holm', 'maja@post.example', 'Lund'), (6, 'Axel Strand', NULL, 'Umea');
INSERT INTO product VALUES
  (1, 'Spade', 'digging', 24.50, 40), (2, 'Fork', 'digging', 27.00, 12), (3, 'Trowel', 'digging', 8.75, 150),
  (4, 'Pruning shears', 'cutting', 19.90, 60), (5, 'Hedge shears', 'cutting', 34.00, 0), (6, 'Bow saw', 'cutting', 22.25, 18),
  (7, 'Watering can', 'water', 15.00, 33), (8, 'Hose 20 m', 'water', 42.50, 9), (9, 'Sprinkler', 'water', 12.40, 0),
  (10, 'Gloves', 'wear', 6.60, 210), (11, 'Boots', 'wear', 48.00, 25);
INSERT INTO purchase VALUES
  (101, 1, '2024-03-02', 'shipped'), (102, 2, '2024-03-05', 'shipped'), (103, 1, '2024-03-19', 'returned'),
  (104, 3, '2024-04-01', 'shipped'), (105, 4, '2024-04-07', 'open'), (106, 5, '2024-04-08', 'shipped'),
  (107, 2, '2024-04-20', 'open'), (108, 1, '2024-05-03', 'open'), (109, 5, '2024-05-11', 'cancelled');
INSERT INTO purchase_line VALUES
  (101, 1, 1, 24.50), (101, 10, 2, 6.60), (102, 8, 1, 42.50), (102, 7, 1, 15.00), (103, 11, 1, 48.00),
  (104, 3, 4, 8.50), (104, 4, 1, 19.90), (105, 2, 2, 27.00), (105, 6, 1, 22.25), (105, 10, 5, 6.20),
  (106, 4, 2, 18.90), (107, 1, 3, 23.00), (108, 7, 2, 15.00), (108, 3, 1, 8.75), (109, 8, 2, 42.50);
