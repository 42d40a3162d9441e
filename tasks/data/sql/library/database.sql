-- A small lending library.
CREATE TABLE author (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  country VARCHAR(40) NOT NULL,
  born INTEGER
);
CREATE TABLE book (
  id INTEGER NOT NULL PRIMARY KEY,
  title VARCHAR(80) NOT NULL,
  author_id INTEGER NOT NULL,
  year INTEGER NOT NULL,
  pages INTEGER NOT NULL,
  shelf VARCHAR(10),
  FOREIGN KEY (author_id) REFERENCES author (id)
);
CREATE TABLE member (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  joined DATE NOT NULL,
  town VARCHAR(40) NOT NULL
);
CREATE TABLE loan (
  id INTEGER NOT NULL PRIMARY KEY,
  book_id INTEGER NOT NULL,
  member_id INTEGER NOT NULL,
  taken DATE NOT NULL,
  returned DATE,
  FOREIGN KEY (book_id) REFERENCES book (id),
  FOREIGN KEY (member_id) REFERENCES member (id)
);
CREATE INDEX loan_by_member ON loan (member_id);
INSERT INTO author VALUES
  (1, 'Ada Brandt', 'Germany', 1931), (2, 'Tomas Quill', 'Ireland', 1958), (3, 'Mirela Stan', 'Romania', 1947),
  (4, 'Joao Pires', 'Portugal', 1972), (5, 'Edith Lowell', 'Ireland', 1919), (6, 'Kenji Arai', 'Japan', NULL),
  (7, 'Nora Vance', 'Canada', 1985);
INSERT INTO book VALUES
  (1, 'The Salt Road', 1, 1968, 312, 'A1'), (2, 'Winter Ledger', 1, 1974, 288, 'A1'),
  (3, 'A Map of Rain', 2, 1991, 410, 'A2'), (4, 'The Quiet Engine', 2, 1999, 356, 'A2'),
  (5, 'Nine Bridges', 2, 2006, 298, 'B1'), (6, 'Stone Orchard', 3, 1979, 224, 'B1'),
  (7, 'The Glass Harbour', 4, 2011, 502, 'B2'), (8, 'Low Tide', 4, 2015, 187, 'B2'),
  (9, 'Letters to No One', 5, 1952, 143, 'C1'), (10, 'The Long Field', 5, 1960, 266, 'C1'),
  (11, 'Lantern Street', 6, 1988, 341, NULL), (12, 'Paper Boats', 6, 1995, 198, 'C2'),
  (13, 'After the Orchard', 3, 1984, 251, NULL), (14, 'Small Machines', 2, 2013, 377, 'A2');
INSERT INTO member VALUES
  (1, 'Irene Falk', '2019-02-11', 'Oldham'), (2, 'Marcus Bell', '2019-05-30', 'Oldham'),
  (3, 'Priya Nair', '2020-01-07', 'Bury'), (4, 'Leo Hart', '2020-09-14', 'Rochdale'),
  (5, 'Sofia Lind', '2021-03-22', 'Bury'), (6, 'Daniel Okoye', '2021-11-02', 'Oldham'),
  (7, 'Grace Moon', '2022-06-18', 'Rochdale'), (8, 'Viktor Sand', '2023-01-25', 'Bury');
INSERT INTO loan VALUES
  (1, 3, 1, '2023-01-10', '2023-01-24'), (2, 7, 1, '2023-02-01', '2023-03-02'), (3, 1, 2, '2023-01-15', '2023-02-03'),
  (4, 3, 3, '2023-02-05', '2023-02-19'), (5, 9, 3, '2023-02-20', '2023-02-27'), (6, 11, 4, '2023-03-01', NULL),
  (7, 5, 5, '2023-03-04', '2023-03-20'), (8, 3, 5, '2023-03-21', '2023-04-11'), (9, 14, 2, '2023-04-02', NULL),
  (10, 7, 6, '2023-04-09', '2023-05-14'), (11, 12, 6, '2023-05-15', '2023-05-29'), (12, 4, 1, '2023-05-20', '2023-06-01'),
  (13, 6, 7, '2023-06-03', NULL), (14, 8, 3, '2023-06-10', '2023-06-17'), (15, 3, 6, '2023-06-21', NULL),
  (16, 10, 5, '2023-06-25', '2023-07-19'), (17, 5, 1, '2023-07-01', '2023-07-15'), (18, 2, 2, '2023-07-08', NULL);
