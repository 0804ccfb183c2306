-- What was answered last to an instruction of the centre whose answer was let go of: the entry's bytes. A centre that came
-- back from an older backup may ask again; then it is told the same, and nothing is done twice.
ALTER TABLE pruned_subject ADD COLUMN answer BLOB;
