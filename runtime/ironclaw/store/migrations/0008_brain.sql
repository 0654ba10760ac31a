-- What the brain, its memory and the tenants need.

-- Of a user's message: '' for what the person said; 'memory' or 'summary' for data that nobody said.
ALTER TABLE messages ADD COLUMN source TEXT NOT NULL DEFAULT '';

-- What the chain's hash is over: the event's SHA-256, which its salt keeps from being guessed.  So an event can be
-- forgotten, and the chain still holds.  '' for events of before, whose hash is over the event itself: they stay.
ALTER TABLE audit ADD COLUMN commitment TEXT NOT NULL DEFAULT '';
DROP TRIGGER audit_no_update;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
WHEN NEW.event <> '' OR OLD.commitment = '' OR NEW.tenant <> OLD.tenant OR NEW.n <> OLD.n
    OR NEW.prev <> OLD.prev OR NEW.hash <> OLD.hash OR NEW.commitment <> OLD.commitment
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
