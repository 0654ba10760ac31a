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
CREATE INDEX audit_by_mcp_decision ON audit (tenant, n)
    WHERE instr(event, '"event":"mcp_tools_approved"') > 0 OR instr(event, '"event":"mcp_tools_rejected"') > 0;

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

-- Micros set aside for the turn under way, and since when, unix seconds; 0 once it is written what the turn used.
ALTER TABLE workflows ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN reserved_at REAL NOT NULL DEFAULT 0;
CREATE INDEX workflows_with_reserves ON workflows (tenant, reserved_at) WHERE reserved > 0;

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

-- What is remembered.  place: of a channel's, its door and id; taint: sources that were read before it was proposed,
-- JSON; expires_at: unix seconds, 0 for never; superseded_by: the memory that took its place; approved_by: who said
-- yes to its text; index_version: the index that has all of it; mac: the host's seal over all but that.
CREATE TABLE memories (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL,
    subject_user TEXT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('everybody', 'channel', 'author')),
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('user', 'approver', 'tool', 'web', 'summary')),
    source_ref TEXT NOT NULL,
    trust TEXT NOT NULL,
    taint TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    superseded_by TEXT NOT NULL,
    index_version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    mac TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX memories_by_text ON memories (tenant, sha256);
CREATE INDEX memories_by_age ON memories (tenant, created_at, id);
CREATE INDEX audit_by_memory ON audit (tenant, substr(event, instr(event, '"memory":"') + 10, 18))
    WHERE instr(event, '"memory":"') > 0;

-- What the index of memories is still to be told; the newest word on a memory counts.
CREATE TABLE memory_jobs (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    memory_id TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('put', 'remove')),
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL,
    PRIMARY KEY (tenant, memory_id)
) STRICT;

-- What a workflow was reminded of, one row for each memory, in order; memory_id '' where there was none, and then
-- problem says why where it failed.  asked_by: 'plan' before its first step, or the tool that asked.
CREATE TABLE recalls (
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    n INTEGER NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    at REAL NOT NULL,
    asked_by TEXT NOT NULL,
    memory_id TEXT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (workflow_id, n)
) STRICT;
CREATE INDEX recalls_of_memories ON recalls (tenant, memory_id);

-- What was forgotten: how much, and a digest with the host's key, from which nobody finds what it said.
CREATE TABLE memory_receipts (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    why TEXT NOT NULL,
    memories INTEGER NOT NULL,
    places INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;

-- What a forgotten memory said, as long as a workflow holds it: in a call or question that waits for people, or in one
-- that runs.  When that workflow has ended it is taken out of it, and of this.
CREATE TABLE memory_remains (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    memory_id TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (workflow_id, memory_id)
) STRICT;

CREATE INDEX outbox_of_workflows ON outbox (workflow_id);

-- When its texts were removed, and its events of the audit log: unix seconds, 0 for not yet.
ALTER TABLE workflows ADD COLUMN erased_at REAL NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN audit_erased_at REAL NOT NULL DEFAULT 0;
CREATE INDEX workflows_to_erase ON workflows (tenant, updated_at)
    WHERE erased_at = 0 AND state IN ('done', 'failed', 'cancelled');
CREATE INDEX workflows_to_erase_audit ON workflows (tenant, updated_at)
    WHERE audit_erased_at = 0 AND state IN ('done', 'failed', 'cancelled');

-- Whether a tenant is served, and who said so when, unix seconds.  forgetting: what it has is being removed.
ALTER TABLE tenants ADD COLUMN state TEXT NOT NULL DEFAULT 'active'
    CHECK (state IN ('active', 'suspended', 'forgetting', 'forgotten'));
ALTER TABLE tenants ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN changed_at REAL NOT NULL DEFAULT 0;

-- What was removed of a tenant that was forgotten: how much of what, and nothing of it.
CREATE TABLE tenant_receipts (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    what TEXT NOT NULL,
    removed INTEGER NOT NULL,
    PRIMARY KEY (tenant, what)
) STRICT;

-- What the brain asks of the person who gave it a task.  text, choices (JSON) and answer are data; n counts those of
-- a workflow, from 1; call_id pairs the answer with the brain's own message.  answered_by: '' while nobody has.
-- reminded_at: unix seconds, 0 for not yet.
CREATE TABLE questions (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    n INTEGER NOT NULL,
    call_id TEXT NOT NULL,
    text TEXT NOT NULL,
    choices TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'cancelled', 'expired')),
    asked_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    answered_by TEXT NOT NULL,
    answered_at REAL NOT NULL,
    answer TEXT NOT NULL,
    reminded_at REAL NOT NULL DEFAULT 0,
    UNIQUE (workflow_id, n)
) STRICT;
CREATE UNIQUE INDEX questions_open_one ON questions (workflow_id) WHERE state = 'open';
CREATE INDEX questions_open ON questions (tenant, asked_at) WHERE state = 'open';
CREATE INDEX questions_due ON questions (expires_at) WHERE state = 'open';
CREATE INDEX questions_to_remind ON questions ((expires_at - (expires_at - asked_at) / 10))
    WHERE state = 'open' AND reminded_at = 0;
