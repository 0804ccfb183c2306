-- Whether entries are lost, and what they did to the stock is not yet recorded: a crash may come between the two.
ALTER TABLE identity ADD COLUMN has_lost INTEGER NOT NULL DEFAULT 0;
