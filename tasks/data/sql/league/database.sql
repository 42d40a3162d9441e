-- A season of a small league.
CREATE TABLE team (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(40) NOT NULL,
  town VARCHAR(40) NOT NULL,
  founded INTEGER NOT NULL
);
CREATE TABLE player (
  id INTEGER NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  team_id INTEGER,
  position VARCHAR(20) NOT NULL,
  height_cm INTEGER,
  FOREIGN KEY (team_id) REFERENCES team (id)
);
CREATE TABLE game (
  id INTEGER NOT NULL PRIMARY KEY,
  home_id INTEGER NOT NULL,
  away_id INTEGER NOT NULL,
  played DATE NOT NULL,
  home_goals INTEGER NOT NULL,
  away_goals INTEGER NOT NULL,
  FOREIGN KEY (home_id) REFERENCES team (id),
  FOREIGN KEY (away_id) REFERENCES team (id)
);
CREATE TABLE goal (
  game_id INTEGER NOT NULL,
  player_id INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  PRIMARY KEY (game_id, minute),
  FOREIGN KEY (game_id) REFERENCES game (id),
  FOREIGN KEY (player_id) REFERENCES player (id)
);
INSERT INTO team VALUES
  (1, 'Harbour FC', 'Esbjerg', 1921), (2, 'Mill United', 'Vejle', 1934), (3, 'North Star', 'Aalborg', 1909),
  (4, 'Old Bridge', 'Odense', 1952);
INSERT INTO player VALUES
  (1, 'Anders Friis', 1, 'forward', 184), (2, 'Bo Lund', 1, 'keeper', 193), (3, 'Casper Juhl', 1, 'midfield', 176),
  (4, 'David Krogh', 2, 'forward', 181), (5, 'Erik Munk', 2, 'defence', 188), (6, 'Frede Noer', 2, 'keeper', 190),
  (7, 'Gert Olesen', 3, 'forward', 179), (8, 'Hans Pihl', 3, 'midfield', NULL), (9, 'Ivan Rask', 3, 'keeper', 195),
  (10, 'Jon Skov', 4, 'forward', 174), (11, 'Kaj Toft', 4, 'defence', 186), (12, 'Lars Ude', NULL, 'midfield', 180);
INSERT INTO game VALUES
  (1, 1, 2, '2024-08-03', 2, 1), (2, 3, 4, '2024-08-03', 1, 1), (3, 2, 3, '2024-08-10', 0, 2), (4, 4, 1, '2024-08-10', 3, 1),
  (5, 1, 3, '2024-08-17', 1, 0), (6, 2, 4, '2024-08-17', 2, 2), (7, 2, 1, '2024-08-24', 1, 0), (8, 4, 3, '2024-08-24', 0, 4);
INSERT INTO goal VALUES
  (1, 1, 12), (1, 4, 40), (1, 3, 77), (2, 7, 5), (2, 10, 88), (3, 7, 33), (3, 8, 61), (4, 10, 9), (4, 11, 15), (4, 1, 52),
  (4, 10, 90), (5, 1, 70), (6, 4, 18), (6, 10, 29), (6, 5, 44), (6, 10, 81), (7, 4, 66), (8, 7, 3), (8, 7, 27), (8, 8, 58),
  (8, 7, 79);
