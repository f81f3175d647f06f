-- No new column. Labels are in Unicode's normal form C, and a task key is the same for texts that
-- differ only in composition: `normal_forms` computes both, for rows whose texts aren't plain ASCII.
SELECT 1;
