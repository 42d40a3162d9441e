-- A clinic with a handful of doctors.
CREATE TABLE doctor (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  field VARCHAR(40) NOT NULL,
  since INTEGER NOT NULL
);
CREATE TABLE patient (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  born DATE NOT NULL,
  insured VARCHAR(3) NOT NULL
);
CREATE TABLE visit (
  id INTEGER NOT NULL PRIMARY KEY,
  patient_id INTEGER NOT NULL,
  doctor_id INTEGER NOT NULL,
  day DATE NOT NULL,
  minutes INTEGER NOT NULL,
  fee DECIMAL(8, 2) NOT NULL,
  FOREIGN KEY (patient_id) REFERENCES patient (id),
  FOREIGN KEY (doctor_id) REFERENCES doctor (id)
);
CREATE TABLE prescription (
  visit_id INTEGER NOT NULL,
  drug VARCHAR(40) NOT NULL,
  days INTEGER NOT NULL,
  PRIMARY KEY (visit_id, drug),
  FOREIGN KEY (visit_id) REFERENCES visit (id)
);
INSERT INTO doctor VALUES
  (1, 'Dr. Amsel', 'general', 2004), (2, 'Dr. Birke', 'skin', 2011), (3, 'Dr. Cerny', 'general', 2016),
  (4, 'Dr. Dorn', 'eyes', 1998), (5, 'Dr. Esche', 'heart', 2020);
INSERT INTO patient VALUES
  (1, 'Karl Auer', '1954-07-02', 'yes'), (2, 'Lotte Baum', '1988-11-19', 'yes'), (3, 'Milan Cech', '2001-03-08', 'no'),
  (4, 'Nadia Drax', '1976-01-30', 'yes'), (5, 'Otto Ems', '1943-12-12', 'yes'), (6, 'Paula Fink', '1995-05-25', 'no'),
  (7, 'Quentin Gold', '2012-09-17', 'yes');
INSERT INTO visit VALUES
  (1, 1, 1, '2024-01-08', 20, 45.00), (2, 2, 2, '2024-01-09', 30, 80.00), (3, 1, 4, '2024-01-15', 40, 120.00),
  (4, 3, 1, '2024-01-22', 15, 45.00), (5, 4, 3, '2024-02-02', 25, 50.00), (6, 5, 1, '2024-02-05', 35, 60.00),
  (7, 5, 4, '2024-02-06', 30, 110.00), (8, 2, 3, '2024-02-19', 10, 30.00), (9, 6, 2, '2024-03-01', 45, 95.00),
  (10, 1, 1, '2024-03-04', 20, 45.00), (11, 4, 3, '2024-03-11', 20, 50.00), (12, 7, 1, '2024-03-12', 15, 40.00),
  (13, 5, 1, '2024-03-25', 30, 60.00), (14, 3, 2, '2024-04-02', 30, 80.00);
INSERT INTO prescription VALUES
  (1, 'ibuprofen', 5), (2, 'zinc ointment', 14), (4, 'ibuprofen', 3), (5, 'amoxicillin', 7), (6, 'ramipril', 90),
  (6, 'aspirin', 90), (9, 'zinc ointment', 21), (10, 'ibuprofen', 10), (11, 'amoxicillin', 10), (13, 'ramipril', 90);
