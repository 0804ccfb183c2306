-- Whether entries are lost, and what they did to the stock is not yet recorded: a crash may come between the two.
ALTER TABLE identity ADD COLUMN has_lost INTEGER NOT NULL DEFAULT 0;
-- Whether the centre could not read a part of the history that it was to deliver: what that made of the stock stays among
-- the sums (`pruned_stock`), which are otherwise used up when the history is whole.
ALTER TABLE identity ADD COLUMN is_lacking INTEGER NOT NULL DEFAULT 0;
