-- What a review asks, what a call was proposed in, and what is remembered of a yes.  JSON in each new text column.

ALTER TABLE tool_calls ADD COLUMN circumstances TEXT NOT NULL DEFAULT '{}';

ALTER TABLE approvals ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
-- The first approval on the same card: the calls of one turn share one.
ALTER TABLE approvals ADD COLUMN card TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN reminded_at REAL NOT NULL DEFAULT 0;
ALTER TABLE approvals ADD COLUMN escalated_at REAL NOT NULL DEFAULT 0;
-- Of a version that an edit took the place of: the arguments that it asked about.
ALTER TABLE approvals ADD COLUMN asked_args TEXT NOT NULL DEFAULT '';
UPDATE approvals SET card = id;
CREATE INDEX approvals_by_card ON approvals (card);

ALTER TABLE decisions ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE decisions ADD COLUMN factor TEXT NOT NULL DEFAULT '';
UPDATE decisions SET person = principal;

-- Who was last seen in a Slack user group.
CREATE TABLE group_members (
    tenant TEXT NOT NULL REFERENCES tenants (id),
    group_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (tenant, group_id, principal)
) STRICT;

CREATE INDEX calls_by_tool ON tool_calls (tool, workflow_id);
