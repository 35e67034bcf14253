-- Up to which row the index of the words of a set of rows is made, of which columns it is, and how many rows were taken out of it
-- since it was tidied. There is no index where there is no row here.
CREATE TABLE _turntable_words (
    name TEXT PRIMARY KEY,
    up_to INTEGER NOT NULL,
    columns TEXT NOT NULL,
    taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
