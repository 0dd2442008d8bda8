-- How the tables that every interaction enters are merged: no column changes. Merging cost more than
-- inserting (9.6 of 17.3 us of processor time a row; with these two settings 4.7 to 5.5 of 13).
-- Parts below 256 MB keep all columns in one file: most of the 61 are at their default, and a merge
-- pays for each file. Ten parts of a size, not five, are merged at a time: fewer rewritings, and a
-- read sees some more parts.
ALTER TABLE interactions$local $on_cluster
MODIFY SETTING min_bytes_for_wide_part = 268435456, merge_selector_base = 10;

ALTER TABLE interactions_by_document$local $on_cluster
MODIFY SETTING min_bytes_for_wide_part = 268435456, merge_selector_base = 10;

ALTER TABLE interaction_counts$local $on_cluster
MODIFY SETTING min_bytes_for_wide_part = 268435456, merge_selector_base = 10;
