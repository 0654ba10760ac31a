-- What many machines, crashes and clocks need: leases, doubts, schedules, notices that are sent once.

-- Which process advances it.  Each that takes it over raises the epoch, and every write names the epoch of who
-- writes: one that lost its lease records nothing.  Unix seconds; 0: nobody has it.
ALTER TABLE workflows ADD COLUMN lease_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE workflows ADD COLUMN lease_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN lease_until REAL NOT NULL DEFAULT 0;
-- The schedule that began it, and the workflow that it repeats; '' for none.
ALTER TABLE workflows ADD COLUMN schedule_id TEXT NOT NULL DEFAULT '';
ALTER TABLE workflows ADD COLUMN retry_of TEXT NOT NULL DEFAULT '';
-- Who wants it stopped as soon as the tool that runs has ended; '' for nobody.
ALTER TABLE workflows ADD COLUMN stop_by TEXT NOT NULL DEFAULT '';
CREATE INDEX workflows_in_thread ON workflows (tenant, thread, created_at)
    WHERE thread <> '' AND state IN ('queued', 'running', 'paused');
-- A person's own tasks, newest first.
CREATE INDEX workflows_by_requester ON workflows (tenant, requester, created_at);
-- And those that moved of late: only they can have asked anybody anything since then.
CREATE INDEX workflows_moved ON workflows (tenant, requester, updated_at);

-- How many a tenant has, and all have, is asked of each new task: from the index alone.
DROP INDEX workflows_open;
CREATE INDEX workflows_open ON workflows (tenant, state) WHERE state IN ('queued', 'running');

-- A notice is taken before it is sent: until then no other process sends it or an older one of its subject.
-- begun: when it was first taken, unix seconds, and nobody knows what came of that: the door looks whether it
-- stands there already.  0: it was not, or did not come about.
ALTER TABLE outbox ADD COLUMN taken_by TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN taken_until REAL NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox (door, tenant, next_at) WHERE state = 'waiting';
CREATE INDEX outbox_taken ON outbox (tenant, door) WHERE state = 'waiting' AND taken_by <> '';

-- A call that was begun and whose end nobody knows: people say whether it ran.  attempt: the one that is meant.
CREATE TABLE doubts (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    workflow_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'ran', 'not_run', 'cancelled')),
    created_at REAL NOT NULL,
    answered_by TEXT NOT NULL,
    answered_at REAL NOT NULL,
    FOREIGN KEY (workflow_id, seq) REFERENCES tool_calls (workflow_id, seq)
) STRICT;
CREATE INDEX doubts_open ON doubts (tenant, created_at) WHERE state = 'open';
CREATE INDEX doubts_of_calls ON doubts (workflow_id, seq);
CREATE UNIQUE INDEX doubts_open_once ON doubts (workflow_id, seq) WHERE state = 'open';

-- What one person said of a doubt.  mac: the host's seal over it; person: whoever has several identities is one.
CREATE TABLE testimonies (
    doubt_id TEXT NOT NULL REFERENCES doubts (id),
    principal TEXT NOT NULL,
    person TEXT NOT NULL,
    said TEXT NOT NULL CHECK (said IN ('ran', 'not_run')),
    at REAL NOT NULL,
    factor TEXT NOT NULL,
    mac TEXT NOT NULL,
    PRIMARY KEY (doubt_id, person, said)
) STRICT;

-- Tasks that begin by themselves.  cron: five fields; zone: an IANA name; next_at: unix seconds, by both.
-- why: of a paused one, '' where a person did it; wait_until: what is due could not begin, and is tried again then.
-- missed: slots that came while nobody was there, in all.
CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    requester TEXT NOT NULL,
    cron TEXT NOT NULL,
    zone TEXT NOT NULL,
    text TEXT NOT NULL,
    door TEXT NOT NULL,
    reply_door TEXT NOT NULL,
    place TEXT NOT NULL,
    brain TEXT NOT NULL,
    tools TEXT,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'removed')),
    why TEXT NOT NULL,
    created_at REAL NOT NULL,
    next_at REAL NOT NULL,
    wait_until REAL NOT NULL,
    last_at REAL NOT NULL,
    last_workflow TEXT NOT NULL,
    missed INTEGER NOT NULL
) STRICT;
CREATE INDEX schedules_due ON schedules (next_at) WHERE state = 'active';
CREATE INDEX schedules_by_tenant ON schedules (tenant, created_at) WHERE state <> 'removed';

-- Which database this is.  epoch: another one after each restore, and with it another seal on every button and
-- ticket; restored_at: unix seconds, 0 for never.
CREATE TABLE instance (
    id TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    restored_at REAL NOT NULL
) STRICT;

-- What lies outside and is this database's own: the marker of the tenants' folder, a fingerprint of the host's key.
CREATE TABLE belongings (
    what TEXT PRIMARY KEY CHECK (what IN ('folder', 'key')),
    id TEXT NOT NULL
) STRICT;

-- However many wait: what a look for the next few, and for what is due, goes by.
DROP INDEX approvals_pending;
CREATE INDEX approvals_pending ON approvals (tenant, created_at, id) WHERE state = 'pending';
CREATE INDEX approvals_to_remind ON approvals ((expires_at - (expires_at - created_at) / 10))
    WHERE state = 'pending' AND reminded_at = 0;
CREATE INDEX approvals_to_escalate ON approvals (escalates_at)
    WHERE state = 'pending' AND escalated_at = 0 AND escalates_at > 0;
CREATE INDEX decisions_denied ON decisions (at) WHERE decision = 'deny';

-- What the audit chain says of one grant, whose id has 32 characters: asked before each use.
CREATE INDEX audit_by_grant ON audit (tenant, substr(event, instr(event, '"grant":"') + 9, 32))
    WHERE instr(event, '"grant":"') > 0;
