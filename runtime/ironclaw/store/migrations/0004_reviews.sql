-- What a review asks, what a call was proposed in, and what is remembered of a yes.  JSON in each new text column.

ALTER TABLE tool_calls ADD COLUMN circumstances TEXT NOT NULL DEFAULT '{}';

-- The door of its place; that of the workflow is where it came in.
ALTER TABLE workflows ADD COLUMN reply_door TEXT NOT NULL DEFAULT '';
UPDATE workflows SET reply_door = door;

ALTER TABLE approvals ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
-- The first approval on the same card: the calls of one turn share one.
ALTER TABLE approvals ADD COLUMN card TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN reminded_at REAL NOT NULL DEFAULT 0;
-- When the other groups of its terms begin to count; 0: there are none.  And when they began.
ALTER TABLE approvals ADD COLUMN escalates_at REAL NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN escalated_at REAL NOT NULL DEFAULT 0;
-- Of a version that an edit took the place of: the arguments that it asked about.
ALTER TABLE approvals ADD COLUMN asked_args TEXT NOT NULL DEFAULT '';
UPDATE approvals SET card = id;
CREATE INDEX approvals_by_card ON approvals (card);

-- Whoever has said yes may still say no: that is a second row.
CREATE TABLE every_decision (
    approval_id TEXT NOT NULL REFERENCES approvals (id),
    principal TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('approve', 'deny')),
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    mac TEXT NOT NULL,
    person TEXT NOT NULL DEFAULT '',
    factor TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (approval_id, principal, decision)
) STRICT;
INSERT INTO every_decision (approval_id, principal, decision, reason, at, mac, person)
    SELECT approval_id, principal, decision, reason, at, mac, principal FROM decisions;
DROP TABLE decisions;
ALTER TABLE every_decision RENAME TO decisions;

-- A yes that is remembered.  mac: the host's seal over all but revoked_at, made anew with each use.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    scope TEXT NOT NULL CHECK (scope IN ('workflow', 'tool')),
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    tool TEXT NOT NULL,
    requester TEXT NOT NULL,
    place TEXT NOT NULL,
    hosts TEXT NOT NULL,
    taint TEXT NOT NULL,
    args_sha256 TEXT NOT NULL,
    component_sha256 TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL,
    approval_id TEXT NOT NULL UNIQUE REFERENCES approvals (id),
    granted_by TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    max_uses INTEGER NOT NULL,
    used INTEGER NOT NULL CHECK (used BETWEEN 0 AND max_uses),
    revoked_at REAL NOT NULL,
    mac TEXT NOT NULL
) STRICT;
CREATE INDEX grants_live ON grants (tenant, tool) WHERE revoked_at = 0;

-- Who was last seen in a Slack user group.
CREATE TABLE group_members (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    group_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (tenant, group_id, principal)
) STRICT;

-- When a call ended; what a tool used last is looked up by it for each card.
ALTER TABLE tool_calls ADD COLUMN ended_at REAL;
UPDATE tool_calls SET ended_at = (SELECT updated_at FROM workflows WHERE id = workflow_id) WHERE seconds IS NOT NULL;
CREATE INDEX calls_ended ON tool_calls (tool, ended_at) WHERE ended_at IS NOT NULL;

-- What the audit chain says of one workflow, whose id has 32 characters: asked before each run.
CREATE INDEX audit_by_workflow ON audit (tenant, substr(event, instr(event, '"workflow":"') + 12, 32));
