-- What the brain, its memory and the tenants need.

-- Of a user's message: '' for what the person said; 'memory' or 'summary' for data that nobody said.
ALTER TABLE messages ADD COLUMN source TEXT NOT NULL DEFAULT '';
