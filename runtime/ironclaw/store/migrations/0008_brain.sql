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

-- What servers of the Model Context Protocol list: the one that was approved and the latest one of each server.
-- config, component, manifest: SHA-256 of its settings, of these with its own name, and of its tools as listing has
-- them, in canonical JSON.  seal: the host's own, over the row with who decided and when; '' while nobody has.
CREATE TABLE mcp_listings (
    server TEXT NOT NULL,
    config TEXT NOT NULL,
    component TEXT NOT NULL,
    manifest TEXT NOT NULL,
    about TEXT NOT NULL,
    listing TEXT NOT NULL,
    seen_at REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected')),
    decided_by TEXT NOT NULL,
    decided_at REAL NOT NULL,
    seal TEXT NOT NULL,
    PRIMARY KEY (server, component, manifest)
) STRICT;

-- What each request to a model used, in the order of its workflow's.  micros: millionths of the money of the
-- settings' prices; NULL where the model has no price.
CREATE TABLE model_calls (
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    n INTEGER NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    at REAL NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    tokens_in INTEGER NOT NULL,
    tokens_cached INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL,
    micros INTEGER,
    PRIMARY KEY (workflow_id, n)
) STRICT;
CREATE INDEX model_calls_by_day ON model_calls (tenant, at);

-- What the brain is given in the place of a workflow's older messages; the newest one counts.  covers: the seq of each
-- message that it stands for, JSON; erasing one of them voids it: its text is '' then.  taint: sources of what it
-- covers, JSON.  turn: the workflow's steps when it was made.  is_over: what was left was still too long.
CREATE TABLE summaries (
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    n INTEGER NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    at REAL NOT NULL,
    covers TEXT NOT NULL,
    text TEXT NOT NULL,
    taint TEXT NOT NULL,
    made_by TEXT NOT NULL,
    turn INTEGER NOT NULL,
    is_forced INTEGER NOT NULL,
    is_over INTEGER NOT NULL,
    PRIMARY KEY (workflow_id, n)
) STRICT;

-- Sources of untrusted text that the brain was given beside results of tools, JSON; '' for none.
ALTER TABLE workflows ADD COLUMN read_also TEXT NOT NULL DEFAULT '';
