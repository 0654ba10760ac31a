-- The first schema.  Times are unix seconds, passed in as parameters; JSON is RFC 8785 text.

CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;

CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    created_at REAL NOT NULL
) STRICT;

-- Which Slack workspace (team or enterprise) is which tenant.
CREATE TABLE installations (
    team_id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id)
) STRICT;

-- What may come only once: deliveries, tokens, requests.
CREATE TABLE inbox (
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    workflow_id TEXT,
    kept_until REAL NOT NULL,
    PRIMARY KEY (source, event_id)
) STRICT;

CREATE TABLE workflows (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    requester TEXT NOT NULL,
    text TEXT NOT NULL,
    door TEXT NOT NULL,
    place TEXT NOT NULL,
    thread TEXT NOT NULL,
    tools TEXT,
    brain TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
    version INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    steps INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    worked REAL NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT;
CREATE INDEX workflows_by_tenant ON workflows (tenant, created_at);
CREATE INDEX workflows_by_thread ON workflows (tenant, thread, created_at);
CREATE INDEX workflows_open ON workflows (state) WHERE state IN ('queued', 'running');

CREATE TABLE messages (
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    seq INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'tool')),
    text TEXT NOT NULL,
    calls TEXT NOT NULL,
    call_id TEXT NOT NULL,
    PRIMARY KEY (workflow_id, seq)
) STRICT;

CREATE TABLE tool_calls (
    workflow_id TEXT NOT NULL REFERENCES workflows (id),
    seq INTEGER NOT NULL,
    call_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    args TEXT NOT NULL,
    risk TEXT NOT NULL CHECK (risk IN ('low', 'high')),
    effect TEXT NOT NULL CHECK (effect IN ('pure', 'keyed', 'checkable', 'once')),
    component_sha256 TEXT NOT NULL,
    manifest_sha256 TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    rule TEXT NOT NULL,
    action_sha256 TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'denied', 'pending', 'approved', 'expired', 'cancelled',
        'superseded', 'executing', 'succeeded', 'failed', 'in_doubt')),
    idem_key TEXT NOT NULL UNIQUE,
    attempts INTEGER NOT NULL,
    effect_begun_at REAL,
    output TEXT,
    failure_kind TEXT,
    failure TEXT,
    fuel INTEGER,
    memory_bytes INTEGER,
    seconds REAL,
    bytes_in INTEGER,
    bytes_out INTEGER,
    PRIMARY KEY (workflow_id, seq)
) STRICT;

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    workflow_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    version INTEGER NOT NULL,
    action_sha256 TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'superseded')),
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    UNIQUE (workflow_id, seq, version),
    FOREIGN KEY (workflow_id, seq) REFERENCES tool_calls (workflow_id, seq)
) STRICT;
CREATE INDEX approvals_pending ON approvals (tenant, created_at) WHERE state = 'pending';
CREATE INDEX approvals_expiry ON approvals (expires_at) WHERE state = 'pending';

CREATE TABLE decisions (
    approval_id TEXT NOT NULL REFERENCES approvals (id),
    principal TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('approve', 'deny')),
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    mac TEXT NOT NULL,
    PRIMARY KEY (approval_id, principal)
) STRICT;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    door TEXT NOT NULL,
    place TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    attempts INTEGER NOT NULL,
    next_at REAL NOT NULL,
    ref TEXT
) STRICT;
CREATE INDEX outbox_waiting ON outbox (next_at) WHERE state = 'waiting';
CREATE INDEX outbox_subject ON outbox (subject, id);

-- One hash chain per tenant.  Nothing is ever changed or removed.
CREATE TABLE audit (
    tenant TEXT NOT NULL,
    n INTEGER NOT NULL,
    event TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (tenant, n),
    UNIQUE (tenant, prev)
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
