-- name: answers^
SELECT 1 AS yes

-- name: add_tenant!
INSERT INTO tenants (id, created_at) VALUES (:id, :now) ON CONFLICT (id) DO NOTHING

-- name: tenants
SELECT id FROM tenants

-- name: policy_version^
SELECT id, policy_version FROM tenants WHERE id = :tenant

-- name: judged_calls
-- Calls that policy was asked about, newest first; of one tenant, or of all where it is ''.
SELECT c.workflow_id, c.seq, c.tool, c.args, c.state, c.rule, c.circumstances, w.tenant, w.requester, w.door,
    max(a.created_at) IS NOT NULL AS is_asked, coalesce(max(a.created_at), w.created_at) AS at
FROM tool_calls AS c JOIN workflows AS w ON w.id = c.workflow_id
LEFT JOIN approvals AS a ON a.workflow_id = c.workflow_id AND a.seq = c.seq
WHERE c.policy_version <> '' AND (:tenant = '' OR w.tenant = :tenant)
GROUP BY c.workflow_id, c.seq, w.id
ORDER BY w.created_at DESC, c.workflow_id, c.seq DESC LIMIT :limit

-- name: set_policy_version!
UPDATE tenants SET policy_version = :version WHERE id = :tenant

-- name: add_installation!
-- A workspace changes hands only by the operator's settings.
INSERT INTO installations (team_id, tenant) VALUES (:team_id, :tenant)
ON CONFLICT (team_id) DO UPDATE SET tenant = excluded.tenant

-- name: forget_installations!
DELETE FROM installations

-- name: note_delivery!
-- One row the first time, none ever after.
INSERT INTO inbox (source, event_id, workflow_id, kept_until)
VALUES (:source, :event_id, :workflow_id, :kept_until) ON CONFLICT (source, event_id) DO NOTHING

-- name: delivered_workflow^
SELECT workflow_id FROM inbox WHERE source = :source AND event_id = :event_id

-- name: forget_deliveries!
DELETE FROM inbox WHERE kept_until < :now

-- name: add_workflow!
INSERT INTO workflows (id, tenant, requester, text, door, reply_door, place, thread, tools, brain, schedule_id, retry_of,
    state, version, outcome, steps, tokens, worked, created_at, updated_at)
VALUES (:id, :tenant, :requester, :text, :door, :reply_door, :place, :thread, :tools, :brain, :schedule_id,
    :retry_of, 'queued', 1, '', 0, 0, 0, :now, :now)

-- name: workflow^
SELECT * FROM workflows WHERE id = :id

-- name: workflows_of
SELECT * FROM workflows WHERE tenant = :tenant ORDER BY created_at DESC, id LIMIT :limit

-- name: workflows_of_person
SELECT * FROM workflows WHERE tenant = :tenant AND requester = :requester
ORDER BY created_at DESC, id LIMIT :limit

-- name: wish_stop!
-- Of one that works: it looks at this as soon as what runs has ended.
UPDATE workflows SET stop_by = :by WHERE id = :id AND state = 'running' AND stop_by = ''

-- name: open_workflows
-- What should go on, the oldest first: of a thread its head alone.
SELECT id, tenant FROM workflows w WHERE state IN ('queued', 'running') AND NOT EXISTS (
    SELECT 1 FROM workflows e WHERE e.tenant = w.tenant AND e.thread = w.thread AND e.thread <> ''
        AND e.state IN ('queued', 'running', 'paused') AND e.created_at < w.created_at)
ORDER BY created_at

-- name: executing_calls
-- What runs now, or ran when a process died; from the few that are open: calls are many.
SELECT w.id, w.tenant, w.lease_until, c.seq, c.attempts FROM workflows w CROSS JOIN tool_calls c
WHERE c.workflow_id = w.id AND w.state IN ('queued', 'running') AND c.state = 'executing'

-- name: how_many_open^
SELECT (SELECT count(*) FROM workflows WHERE state IN ('queued', 'running')) AS of_all,
    (SELECT count(*) FROM workflows WHERE tenant = :tenant AND state IN ('queued', 'running')) AS of_tenant

-- name: newest_in_thread^
SELECT max(created_at) AS at FROM workflows WHERE tenant = :tenant AND thread = :thread

-- name: thread_head^
-- The oldest task of a thread that has not ended.
SELECT id, state FROM workflows WHERE tenant = :tenant AND thread = :thread AND thread <> ''
    AND state IN ('queued', 'running', 'paused')
ORDER BY created_at, id LIMIT 1

-- name: open_in_thread
-- What of a thread has not ended, the newest first: stopped in this order, nothing begins because of it.
SELECT id FROM workflows WHERE tenant = :tenant AND thread = :thread AND thread <> ''
    AND state IN ('queued', 'running', 'paused')
ORDER BY created_at DESC, id DESC

-- name: queued_in_thread
SELECT * FROM workflows WHERE tenant = :tenant AND thread = :thread AND thread <> ''
    AND state IN ('queued', 'running', 'paused') AND state = 'queued'
ORDER BY created_at, id LIMIT :limit

-- name: move_workflow!
-- The one way a workflow changes: whoever read an older version changes nothing.  One that stops here is free.
UPDATE workflows SET state = :state, version = version + 1, outcome = :outcome, steps = :steps,
    tokens = :tokens, worked = :worked, updated_at = :now, lease_until = CASE WHEN :state = 'running' THEN lease_until ELSE 0 END
WHERE id = :id AND version = :version AND lease_epoch = :epoch AND state IN ('queued', 'running', 'paused')

-- name: claim_workflow!
-- Take what nobody works on, or its own owner only seems to; what was begun before is refused from now on.
UPDATE workflows SET lease_owner = :owner, lease_epoch = lease_epoch + 1, lease_until = :until
WHERE id = :id AND state IN ('queued', 'running') AND (lease_until <= :now OR lease_owner = :owner)

-- name: open_tenants
SELECT DISTINCT tenant FROM workflows WHERE state IN ('queued', 'running')

-- name: open_lease^
SELECT lease_until FROM workflows WHERE id = :id AND state IN ('queued', 'running')

-- name: extend_lease!
-- A sign of life; what has run out stays so.
UPDATE workflows SET lease_until = :until
WHERE id = :id AND lease_epoch = :epoch AND lease_until > :now AND state IN ('queued', 'running')

-- name: release_workflow!
UPDATE workflows SET lease_until = 0 WHERE id = :id AND lease_epoch = :epoch AND lease_until > 0

-- name: let_leases_go!
UPDATE workflows SET lease_until = 0
WHERE lease_owner = :owner AND lease_until > 0 AND state IN ('queued', 'running')

-- name: holds_lease^
SELECT 1 AS holds FROM workflows WHERE id = :id AND lease_epoch = :epoch

-- name: idle_workflows
-- What should go on and nobody works on: of a thread its head alone.
SELECT id FROM workflows w WHERE state IN ('queued', 'running') AND lease_until <= :now AND NOT EXISTS (
    SELECT 1 FROM workflows e WHERE e.tenant = w.tenant AND e.thread = w.thread AND e.thread <> ''
        AND e.state IN ('queued', 'running', 'paused') AND e.created_at < w.created_at)

-- name: wake_workflow!
UPDATE workflows SET state = 'running', version = version + 1, updated_at = :now
WHERE id = :id AND state = 'paused'

-- name: add_message!
INSERT INTO messages (workflow_id, seq, role, text, calls, call_id)
VALUES (:workflow_id, (SELECT COALESCE(MAX(seq), 0) + 1 FROM messages WHERE workflow_id = :workflow_id),
    :role, :text, :calls, :call_id)

-- name: flow_parts
-- A workflow, what was said in it, and its calls: as of one moment, by one way to the server.  Of one that rests,
-- nobody goes on with what was said: unless the whole is asked for, it comes alone.
SELECT p.part, p.seq, COALESCE(w.state, c.state) AS state, COALESCE(m.call_id, c.call_id) AS call_id,
    w.tenant, w.requester, w.door, w.reply_door, w.place, w.thread, w.tools, w.brain, w.version, w.steps, w.tokens,
    w.worked, w.created_at, w.schedule_id, w.stop_by, w.lease_epoch, w.lease_until, w.read_also, m.role, m.text, m.source, m.calls, c.tool,
    c.args, c.risk, c.effect, c.component_sha256, c.manifest_sha256, c.policy_version, c.rule, c.action_sha256,
    c.idem_key, c.attempts, c.effect_begun_at, c.circumstances
FROM (SELECT 'flow' AS part, 0 AS seq
    UNION ALL SELECT 'message', seq FROM messages WHERE workflow_id = :id
    UNION ALL SELECT 'call', seq FROM tool_calls WHERE workflow_id = :id) AS p
LEFT JOIN workflows w ON p.part = 'flow' AND w.id = :id
LEFT JOIN messages m ON p.part = 'message' AND m.workflow_id = :id AND m.seq = p.seq
LEFT JOIN tool_calls c ON p.part = 'call' AND c.workflow_id = :id AND c.seq = p.seq
WHERE p.part = 'flow' OR CAST(:whole AS INTEGER) = 1 OR EXISTS (
    SELECT 1 FROM workflows r WHERE r.id = :id AND (r.state IN ('queued', 'running') OR r.stop_by <> ''))
ORDER BY p.part, p.seq

-- name: thread_before
-- Of the thread before: what was asked and answered of late, oldest first; what its calls have put before the brain,
-- for answers may hold it; and whether a task came with data of its caller.
SELECT 'past' AS part, text, outcome, requester, '' AS circumstances, created_at FROM (
    SELECT text, outcome, requester, created_at FROM workflows
    WHERE tenant = :tenant AND thread = :thread AND thread <> '' AND state = 'done'
        AND created_at < :before AND id <> :id AND erased_at = 0
    ORDER BY created_at DESC LIMIT 50) AS p
UNION ALL SELECT DISTINCT 'taint', '', '', '', c.circumstances, 0
FROM tool_calls c JOIN workflows w ON w.id = c.workflow_id
WHERE w.tenant = :tenant AND w.thread = :thread AND w.thread <> '' AND w.state = 'done'
    AND w.created_at < :before AND w.id <> :id AND c.state IN ('succeeded', 'failed', 'in_doubt')
UNION ALL SELECT DISTINCT 'taint', '', '', '', '{"taints":' || w.read_also || '}', 0 FROM workflows w
WHERE w.tenant = :tenant AND w.thread = :thread AND w.thread <> '' AND w.state = 'done'
    AND w.created_at < :before AND w.id <> :id AND w.read_also <> ''
UNION ALL SELECT 'context', '', '', '', '', 0 WHERE EXISTS (
    SELECT 1 FROM messages m JOIN workflows w ON w.id = m.workflow_id
    WHERE w.tenant = :tenant AND w.thread = :thread AND w.thread <> '' AND w.state = 'done'
        AND w.created_at < :before AND w.id <> :id AND m.role = 'user' AND instr(m.text, :marker) > 0)
ORDER BY created_at

-- name: add_call!
INSERT INTO tool_calls (workflow_id, seq, call_id, tool, args, risk, effect, component_sha256,
    manifest_sha256, policy_version, rule, action_sha256, state, idem_key, attempts, circumstances)
VALUES (:workflow_id, :seq, :call_id, :tool, :args, :risk, :effect, :component_sha256,
    :manifest_sha256, :policy_version, :rule, :action_sha256, :state, :idem_key, 0, :circumstances)

-- name: calls
SELECT * FROM tool_calls WHERE workflow_id = :workflow_id ORDER BY seq

-- name: move_call!
UPDATE tool_calls SET state = :state WHERE workflow_id = :workflow_id AND seq = :seq AND state = :was

-- name: events_of_workflow
-- JSON's own functions are none that a trusted schema may have; a quote within a string has a backslash before it.
SELECT n, event FROM audit
WHERE tenant = :tenant AND substr(event, instr(event, '"workflow":"') + 12, 32) = :workflow_id

-- name: events_of_grant
SELECT event FROM audit
WHERE tenant = :tenant AND instr(event, '"grant":"') > 0 AND substr(event, instr(event, '"grant":"') + 9, 32) = :grant

-- name: begin_call!
-- Spends the ticket: one row once, for exactly the bytes that were judged, of a tenant that is served.
UPDATE tool_calls SET state = 'executing', attempts = attempts + 1, effect_begun_at = NULL
WHERE workflow_id = :workflow_id AND seq = :seq AND state = 'approved' AND action_sha256 = :action_sha256
    AND EXISTS (SELECT 1 FROM workflows w JOIN tenants t ON t.id = w.tenant
        WHERE w.id = :workflow_id AND w.lease_epoch = :epoch AND t.state = 'active')

-- name: begin_effect!
-- Of a tenant that is served.
UPDATE tool_calls SET effect_begun_at = :now
WHERE workflow_id = :workflow_id AND seq = :seq AND state = 'executing'
    AND EXISTS (SELECT 1 FROM workflows w JOIN tenants t ON t.id = w.tenant
        WHERE w.id = :workflow_id AND t.state = 'active')

-- name: end_call!
UPDATE tool_calls SET state = :state, output = :output, failure_kind = :failure_kind, failure = :failure,
    fuel = :fuel, memory_bytes = :memory_bytes, seconds = :seconds, bytes_in = :bytes_in, bytes_out = :bytes_out,
    ended_at = :now
WHERE workflow_id = :workflow_id AND seq = :seq AND state = 'executing'

-- name: add_approval!
INSERT INTO approvals (id, tenant, workflow_id, seq, version, action_sha256, state, created_at, expires_at,
    escalates_at, terms, card)
VALUES (:id, :tenant, :workflow_id, :seq, :version, :action_sha256, 'pending', :now, :expires_at,
    :escalates_at, :terms, :card)

-- name: approval^
-- Of its workflow's tenant: a row that says another one is nobody's.  Only a version that was edited away has arguments of its own: what can be decided shows the call's.
SELECT a.*, CASE WHEN a.state = 'superseded' AND a.asked_args <> '' THEN a.asked_args ELSE c.args END AS args,
    c.tool, c.risk, c.effect, c.component_sha256, c.manifest_sha256, c.policy_version, c.rule,
    c.call_id, c.state AS call_state, c.circumstances, c.fuel, c.memory_bytes, c.seconds, c.bytes_in, c.bytes_out, c.failure_kind, w.requester, w.door
FROM approvals a
JOIN tool_calls c ON c.workflow_id = a.workflow_id AND c.seq = a.seq
JOIN workflows w ON w.id = a.workflow_id AND w.tenant = a.tenant
WHERE a.id = :id

-- name: approval_of_call^
SELECT * FROM approvals WHERE workflow_id = :workflow_id AND seq = :seq ORDER BY version DESC LIMIT 1

-- name: pending_approvals
SELECT id FROM approvals WHERE tenant = :tenant AND state = 'pending' ORDER BY created_at, workflow_id, seq

-- name: pending_after
-- The next of a tenant's, oldest first.
SELECT id, created_at FROM approvals
WHERE tenant = :tenant AND state = 'pending' AND (created_at, id) > (:created_at, :id)
ORDER BY created_at, id LIMIT :limit

-- name: due_approvals
SELECT id FROM approvals WHERE state = 'pending' AND expires_at <= :now ORDER BY expires_at LIMIT 100

-- name: settle_approval!
-- Expiry is part of the comparison: a late click decides nothing, sweeper or not.
UPDATE approvals SET state = :state
WHERE id = :id AND version = :version AND state = 'pending' AND expires_at > :now

-- name: close_approval!
-- Expiry, cancelling, superseding: what ends a review without a person.
UPDATE approvals SET state = :state WHERE id = :id AND state = 'pending'

-- name: is_open^
-- Whether a vote still counts: the same comparison as settling's.
SELECT 1 AS is_open FROM approvals
WHERE id = :id AND version = :version AND state = 'pending' AND expires_at > :now

-- name: add_decision!
-- One of each person: none where they have spoken before, under whatever name.
INSERT INTO decisions (approval_id, principal, decision, reason, at, mac, person, factor)
SELECT :approval_id, :principal, :decision, :reason, :at, :mac, :person, :factor
WHERE NOT EXISTS (SELECT 1 FROM decisions WHERE approval_id = :approval_id AND person = :person
    AND decision = :decision)

-- name: edit_approval!
-- The version that was read gives way, if people may still decide it; what it asked about stays with it.
UPDATE approvals SET state = 'superseded', asked_args = :asked_args
WHERE id = :id AND version = :version AND state = 'pending' AND expires_at > :now

-- name: edit_call!
UPDATE tool_calls SET args = :args, circumstances = :circumstances, action_sha256 = :action_sha256,
    policy_version = :policy_version, rule = :rule
WHERE workflow_id = :workflow_id AND seq = :seq AND state = 'pending' AND action_sha256 = :was

-- name: add_grant!
INSERT INTO grants (id, tenant, scope, workflow_id, tool, requester, place, hosts, taint, args_sha256,
    component_sha256, manifest_sha256, approval_id, granted_by, created_at, expires_at, max_uses, used, revoked_at,
    mac)
VALUES (:id, :tenant, :scope, :workflow_id, :tool, :requester, :place, :hosts, :taint, :args_sha256,
    :component_sha256, :manifest_sha256, :approval_id, :granted_by, :created_at, :expires_at, :max_uses, 0, 0, :mac)

-- name: grant^
SELECT * FROM grants WHERE id = :id AND tenant = :tenant

-- name: live_grants
-- What is left of a tenant's grants, newest first; of one tool, or of all where it is NULL.
SELECT * FROM grants WHERE tenant = :tenant AND revoked_at = 0 AND used < max_uses AND expires_at > :now
    AND (CAST(:tool AS TEXT) IS NULL OR tool = :tool)
ORDER BY created_at DESC, id

-- name: use_grant!
-- One use, if it is as it was read and something is left of it.
UPDATE grants SET used = used + 1, mac = :mac
WHERE id = :id AND mac = :was AND used < max_uses AND revoked_at = 0 AND expires_at > :now

-- name: revoke_grant!
-- Without its seal it counts no more, whoever changes the time.
UPDATE grants SET revoked_at = :now, mac = '' WHERE id = :id AND tenant = :tenant AND revoked_at = 0

-- name: approvals_on_card
-- Of each call the newest version.
SELECT id FROM approvals a WHERE card = :card AND NOT EXISTS (
    SELECT 1 FROM approvals n WHERE n.workflow_id = a.workflow_id AND n.seq = a.seq AND n.version > a.version)
ORDER BY seq

-- name: last_use^
-- The last call of a tool for a tenant that has ended.
SELECT c.fuel, c.memory_bytes, c.seconds, c.bytes_in, c.bytes_out FROM tool_calls c
JOIN workflows w ON w.id = c.workflow_id
WHERE c.tool = :tool AND w.tenant = :tenant AND c.ended_at IS NOT NULL
ORDER BY c.ended_at DESC LIMIT 1

-- name: denied_before^
-- From the few denials of late, in this order: approvals are many.
SELECT a.id FROM decisions d CROSS JOIN approvals a CROSS JOIN tool_calls c CROSS JOIN workflows w
WHERE d.decision = 'deny' AND d.at > :since AND a.id = d.approval_id AND a.state = 'denied' AND a.tenant = :tenant
    AND c.workflow_id = a.workflow_id AND c.seq = a.seq AND c.tool = :tool AND c.args = :args
    AND w.id = a.workflow_id AND w.requester = :requester
LIMIT 1

-- name: reviews_asked^
-- Of a workflow, and of its requester from their workflows that moved since, as far as it matters: a tenant's approvals
-- are many, and so are the workflows of one who never sleeps.
SELECT count(DISTINCT card) AS cards, COUNT(CASE WHEN state = 'denied' THEN 1 END) AS denied, (
    SELECT count(*) FROM (
        SELECT DISTINCT a.card FROM workflows w CROSS JOIN approvals a
        WHERE w.tenant = :tenant AND w.requester = :requester AND w.updated_at > :since AND a.workflow_id = w.id
            AND a.tenant = :tenant AND a.created_at > :since LIMIT :most) AS shown) AS lately
FROM approvals WHERE workflow_id = :workflow_id

-- name: group_members
SELECT tenant, group_id, principal FROM group_members

-- name: forget_group!
DELETE FROM group_members WHERE tenant = :tenant AND group_id = :group_id

-- name: add_group_member!
INSERT INTO group_members (tenant, group_id, principal) VALUES (:tenant, :group_id, :principal)
ON CONFLICT (tenant, group_id, principal) DO NOTHING

-- name: to_remind
-- What nobody was reminded of, with less than a tenth of its wait left, or the given seconds; of long waits only.
-- Each half by an index of its own; the plus keeps the planner from another one.
SELECT id FROM (
    SELECT id, expires_at FROM approvals WHERE state = 'pending' AND reminded_at = 0
        AND expires_at > :now AND expires_at < :now + CAST(:least AS DOUBLE PRECISION)
        AND expires_at - created_at > 2 * CAST(:least AS DOUBLE PRECISION)
    UNION SELECT id, expires_at FROM approvals WHERE state = 'pending' AND reminded_at = 0
        AND +expires_at > :now AND expires_at - (expires_at - created_at) / 10 < :now
        AND expires_at - created_at > 2 * CAST(:least AS DOUBLE PRECISION)
) AS due ORDER BY expires_at LIMIT 100

-- name: reminded!
UPDATE approvals SET reminded_at = :now WHERE id = :id AND state = 'pending' AND reminded_at = 0

-- name: reminded_with!
-- The rest of the card that ends at about the same time.
UPDATE approvals SET reminded_at = :now
WHERE card = :card AND state = 'pending' AND reminded_at = 0 AND expires_at <= :until

-- name: to_escalate
SELECT id FROM approvals
WHERE state = 'pending' AND escalated_at = 0 AND escalates_at > 0 AND escalates_at <= :now AND +expires_at > :now
ORDER BY escalates_at LIMIT 100

-- name: escalate!
UPDATE approvals SET escalated_at = :now
WHERE id = :id AND state = 'pending' AND escalated_at = 0 AND escalates_at > 0 AND escalates_at <= :now

-- name: decisions
SELECT * FROM decisions WHERE approval_id = :approval_id ORDER BY at, principal

-- name: add_notice!
INSERT INTO outbox (tenant, workflow_id, subject, kind, door, place, body, state, attempts, next_at)
VALUES (:tenant, :workflow_id, :subject, :kind, :door, :place, :body, 'waiting', 0, :now)

-- name: outlook
-- What waits at a door, by tenant: whether there is something now that nobody is telling, and when there will be.
SELECT tenant, MAX(CASE WHEN next_at <= :now AND taken_until <= :now THEN 1 ELSE 0 END) AS is_due,
    MIN(CASE WHEN next_at > :now THEN next_at END) AS next_at,
    MIN(CASE WHEN taken_by NOT IN ('', :by) AND taken_until > :now THEN taken_until END) AS free_at
FROM outbox WHERE state = 'waiting' AND door = :door GROUP BY tenant

-- name: due_notices
-- Of one tenant at a door: the newest waiting notice of each subject and place (it shows what the older ones would
-- have shown), with what the door said of it before, and since when nobody knows what came of an attempt.  None
-- while another one of its workflow, or of its subject and place, is being told.
SELECT o.*, (SELECT p.ref FROM outbox p WHERE p.subject = o.subject AND p.door = o.door AND p.place = o.place
        AND p.tenant = o.tenant AND p.ref IS NOT NULL ORDER BY p.id DESC LIMIT 1) AS known_ref,
    (SELECT MIN(b.begun) FROM outbox b WHERE b.subject = o.subject AND b.door = o.door AND b.place = o.place
        AND b.tenant = o.tenant AND b.begun > 0 AND b.state <> 'sent') AS tried_at
FROM outbox o
WHERE o.state = 'waiting' AND o.door = :door AND o.tenant = :tenant AND o.next_at <= :now AND NOT EXISTS (
    SELECT 1 FROM outbox n WHERE n.subject = o.subject AND n.door = o.door AND n.place = o.place
        AND n.tenant = o.tenant AND n.state = 'waiting' AND n.id > o.id)
AND NOT EXISTS (
    SELECT 1 FROM outbox t WHERE t.state = 'waiting' AND t.taken_by <> '' AND t.tenant = o.tenant
        AND t.door = o.door AND (t.taken_until > :now OR t.taken_by = :by)
        AND ((t.workflow_id = o.workflow_id AND t.workflow_id <> '') OR (t.subject = o.subject AND t.place = o.place)))
ORDER BY o.next_at, o.id LIMIT :limit

-- name: take_notice!
UPDATE outbox SET taken_by = :by, taken_until = :until,
    begun = CASE WHEN begun = 0 THEN CAST(:begun AS BIGINT) ELSE begun END
WHERE id = :id AND state = 'waiting'

-- name: free_notices!
-- What earlier lives of the only process took and did not finish.
UPDATE outbox SET taken_by = '', taken_until = 0 WHERE state = 'waiting' AND taken_by NOT IN ('', :by)

-- name: let_notices_go!
UPDATE outbox SET taken_by = '', taken_until = 0 WHERE state = 'waiting' AND taken_by = :by

-- name: all_notices_due!
UPDATE outbox SET next_at = :now WHERE state = 'waiting' AND next_at > :now

-- name: notice_sent!
-- With what it has shown of older ones of its subject.
UPDATE outbox SET state = 'sent', ref = CASE WHEN id = :id THEN CAST(:ref AS TEXT) ELSE ref END,
    taken_by = '', taken_until = 0
WHERE state = 'waiting' AND id <= :id AND subject = (SELECT subject FROM outbox WHERE id = :id)
    AND door = (SELECT door FROM outbox WHERE id = :id) AND place = (SELECT place FROM outbox WHERE id = :id)
    AND tenant = (SELECT tenant FROM outbox WHERE id = :id)
    AND EXISTS (SELECT 1 FROM outbox WHERE id = :id AND state = 'waiting' AND taken_by = :by)

-- name: notice_untold!
-- Of several that were taken together, one that was not begun after all; kept: as below.
UPDATE outbox SET taken_by = '', taken_until = 0, begun = begun * :kept
WHERE id = :id AND state = 'waiting' AND taken_by = :by

-- name: notice_later!
-- kept: 1 while nobody knows whether it was told, 0 where it was not.  Older ones of its subject, which wait for it
-- to show what they would have shown, are due no sooner.
UPDATE outbox SET attempts = attempts + CASE WHEN id = :id THEN 1 ELSE 0 END, next_at = :next_at, taken_by = '',
    taken_until = 0, begun = CASE WHEN id = :id THEN begun * :kept ELSE begun END
WHERE state = 'waiting' AND id <= :id AND subject = (SELECT subject FROM outbox WHERE id = :id)
    AND door = (SELECT door FROM outbox WHERE id = :id) AND place = (SELECT place FROM outbox WHERE id = :id)
    AND tenant = (SELECT tenant FROM outbox WHERE id = :id)
    AND EXISTS (SELECT 1 FROM outbox WHERE id = :id AND state = 'waiting' AND taken_by = :by)

-- name: notice_given_up!
UPDATE outbox SET state = 'given_up', attempts = attempts + 1, taken_by = '', taken_until = 0
WHERE id = :id AND state = 'waiting' AND taken_by = :by

-- name: audit_head^
SELECT n, hash FROM audit WHERE tenant = :tenant ORDER BY n DESC LIMIT 1

-- name: audit_tenants
SELECT DISTINCT tenant FROM audit

-- name: audit_page
SELECT n, event, commitment, prev, hash FROM audit WHERE tenant = :tenant AND n >= :since ORDER BY n LIMIT :limit

-- name: orphan_workflows^
SELECT count(*) AS there FROM workflows WHERE tenant NOT IN (SELECT tenant FROM audit)

-- name: audit_row^
SELECT hash FROM audit WHERE tenant = :tenant AND n = :n

-- name: audit_heads
-- From the tenants, in this order: events are many.
SELECT a.tenant, a.n, a.hash FROM tenants t CROSS JOIN audit a
WHERE a.tenant = t.id AND a.n = (SELECT MAX(n) FROM audit WHERE tenant = t.id)
ORDER BY a.tenant

-- name: add_audit!
INSERT INTO audit (tenant, n, event, commitment, prev, hash)
VALUES (:tenant, :n, :event, :commitment, :prev, :hash)

-- name: add_audit_as_before!
INSERT INTO audit (tenant, n, event, prev, hash) VALUES (:tenant, :n, :event, :prev, :hash)

-- name: forget_events!
-- Each event's commitment stays, and the chain holds.  Those of before have none, and stay.
UPDATE audit SET event = '' WHERE tenant = :tenant AND commitment <> '' AND event <> ''

-- name: forget_event!
UPDATE audit SET event = '' WHERE tenant = :tenant AND n = :n AND commitment <> '' 

-- name: shown_refs
SELECT DISTINCT ref FROM outbox WHERE tenant = :tenant AND subject = :subject AND ref IS NOT NULL

-- name: waiting_notice^
SELECT id FROM outbox WHERE tenant = :tenant AND subject = :subject AND state = 'waiting' LIMIT 1

-- name: add_copy!
-- A place that shows a subject already, as if it had been told.
INSERT INTO outbox (tenant, workflow_id, subject, kind, door, place, body, state, attempts, next_at, ref)
SELECT :tenant, :workflow_id, :subject, :kind, :door, :place, :body, 'sent', 0, 0, :ref
WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE subject = :subject AND door = :door AND place = :place)

-- name: card_places
-- Everywhere a subject was shown.
SELECT DISTINCT door, place FROM outbox WHERE subject = :subject

-- name: show_again!
-- Everywhere a subject was shown, so that every copy is updated.
INSERT INTO outbox (tenant, workflow_id, subject, kind, door, place, body, state, attempts, next_at)
SELECT DISTINCT CAST(:tenant AS TEXT), CAST(:workflow_id AS TEXT), subject, CAST(:kind AS TEXT), door, place,
    CAST(:body AS TEXT), 'waiting', 0, CAST(:now AS DOUBLE PRECISION)
FROM outbox WHERE subject = :subject ORDER BY door, place

-- name: waits_for^
-- What a workflow waits for: the first of its reviews, and of its doubts, and its question.
SELECT (SELECT id FROM approvals WHERE workflow_id = :workflow_id AND state = 'pending' ORDER BY seq LIMIT 1) AS review,
    (SELECT id FROM doubts WHERE workflow_id = :workflow_id AND state = 'open' ORDER BY seq LIMIT 1) AS doubt,
    (SELECT id FROM questions WHERE workflow_id = :workflow_id AND state = 'open') AS question

-- name: pending_approvals_of
SELECT id FROM approvals WHERE workflow_id = :workflow_id AND state = 'pending' ORDER BY seq

-- name: put_secret!
INSERT INTO secrets (tenant, name, host, methods, path, header, prefix, key_id, sealed, set_at)
VALUES (:tenant, :name, :host, :methods, :path, :header, :prefix, :key_id, :sealed, :set_at)
ON CONFLICT (tenant, name) DO UPDATE SET host = excluded.host, methods = excluded.methods, path = excluded.path,
    header = excluded.header, prefix = excluded.prefix, key_id = excluded.key_id, sealed = excluded.sealed,
    set_at = excluded.set_at

-- name: secret^
SELECT * FROM secrets WHERE tenant = :tenant AND name = :name

-- name: secrets
SELECT * FROM secrets ORDER BY tenant, name

-- name: secrets_of
SELECT * FROM secrets WHERE tenant = :tenant ORDER BY name

-- name: reseal_secret!
-- The same secret under another key; nothing else of it changes.
UPDATE secrets SET key_id = :key_id, sealed = :sealed WHERE tenant = :tenant AND name = :name

-- name: remove_secret!
DELETE FROM secrets WHERE tenant = :tenant AND name = :name

-- name: put_factor!
INSERT INTO factors (tenant, principal, sealed, last_step, failures, tried_at, set_at)
VALUES (:tenant, :principal, :sealed, 0, 0, 0, :now)
ON CONFLICT (tenant, principal) DO UPDATE SET sealed = excluded.sealed, last_step = 0, failures = 0, set_at = excluded.set_at

-- name: factor^
SELECT * FROM factors WHERE tenant = :tenant AND principal = :principal

-- name: factors_of
SELECT principal FROM factors WHERE tenant = :tenant ORDER BY principal

-- name: remove_factor!
DELETE FROM factors WHERE tenant = :tenant AND principal = :principal

-- name: try_factor!
-- One more try, unless there were too many lately.
UPDATE factors SET failures = CASE WHEN tried_at < :before THEN 1 ELSE failures + 1 END, tried_at = :now
WHERE tenant = :tenant AND principal = :principal AND (failures < :most OR tried_at < :before)

-- name: take_step!
UPDATE factors SET last_step = :step, failures = 0
WHERE tenant = :tenant AND principal = :principal AND last_step < :step

-- name: toolboxes_of
SELECT name, facts FROM toolboxes WHERE tenant = :tenant

-- name: put_toolbox!
INSERT INTO toolboxes (tenant, name, facts) VALUES (:tenant, :name, :facts)
ON CONFLICT (tenant, name) DO UPDATE SET facts = excluded.facts

-- name: remove_toolbox!
DELETE FROM toolboxes WHERE tenant = :tenant AND name = :name

-- name: add_doubt!
INSERT INTO doubts (id, tenant, workflow_id, seq, attempt, state, created_at, answered_by, answered_at)
VALUES (:id, :tenant, :workflow_id, :seq, :attempt, 'open', :now, '', 0)

-- name: doubt^
-- Of its workflow's tenant: a row that says another one is nobody's.
SELECT d.*, c.tool, c.risk, c.effect, c.args, c.rule, c.action_sha256, c.component_sha256, c.policy_version,
    c.idem_key, c.call_id, c.state AS call_state, c.effect_begun_at, c.circumstances, w.requester, w.door
FROM doubts d
JOIN tool_calls c ON c.workflow_id = d.workflow_id AND c.seq = d.seq
JOIN workflows w ON w.id = d.workflow_id AND w.tenant = d.tenant
WHERE d.id = :id

-- name: doubts_of_call
SELECT id, state FROM doubts WHERE workflow_id = :workflow_id AND seq = :seq ORDER BY attempt, created_at

-- name: open_doubts
SELECT id FROM doubts WHERE tenant = :tenant AND state = 'open' ORDER BY created_at, id

-- name: every_open_doubt
SELECT id, tenant, workflow_id FROM doubts WHERE state = 'open' ORDER BY created_at, id

-- name: open_doubts_of
SELECT id, seq, attempt FROM doubts WHERE workflow_id = :workflow_id AND state = 'open' ORDER BY seq

-- name: settle_doubt!
UPDATE doubts SET state = :state, answered_by = :by, answered_at = :now WHERE id = :id AND state = 'open'

-- name: add_testimony!
-- One of each person for each word: none where they have said it before, under whatever name.
INSERT INTO testimonies (doubt_id, principal, person, said, at, factor, mac)
VALUES (:doubt_id, :principal, :person, :said, :at, :factor, :mac)
ON CONFLICT (doubt_id, person, said) DO NOTHING

-- name: testimonies
SELECT * FROM testimonies WHERE doubt_id = :doubt_id ORDER BY at, principal

-- name: add_schedule!
INSERT INTO schedules (id, tenant, requester, cron, zone, text, door, reply_door, place, brain, tools, state, why,
    created_at, next_at, wait_until, last_at, last_workflow, missed)
VALUES (:id, :tenant, :requester, :cron, :zone, :text, :door, :reply_door, :place, :brain, :tools, 'active', '',
    :now, :next_at, 0, 0, '', 0)

-- name: schedule^
SELECT * FROM schedules WHERE id = :id AND tenant = :tenant AND state <> 'removed'

-- name: schedules_of
SELECT * FROM schedules WHERE tenant = :tenant AND state <> 'removed' ORDER BY created_at, id

-- name: schedule_count^
SELECT count(*) AS there FROM schedules WHERE tenant = :tenant AND state <> 'removed'

-- name: due_schedules
-- A pause from after :latest was made by a clock that has gone back since.
SELECT * FROM schedules WHERE state = 'active' AND next_at <= :now
    AND (wait_until <= :now OR wait_until > :latest)
ORDER BY next_at, id LIMIT :limit

-- name: take_slot!
-- One process, once: the others find another next one.
UPDATE schedules SET next_at = :next_at, wait_until = 0 WHERE id = :id AND state = 'active' AND next_at = :was

-- name: schedule_fired!
UPDATE schedules SET last_at = :now, last_workflow = :workflow_id, missed = missed + :missed WHERE id = :id

-- name: schedule_later!
UPDATE schedules SET wait_until = :until WHERE id = :id AND state = 'active' AND next_at = :was

-- name: pause_schedule!
UPDATE schedules SET state = 'paused', why = :why WHERE id = :id AND tenant = :tenant AND state = 'active'

-- name: resume_schedule!
UPDATE schedules SET state = 'active', why = '', next_at = :next_at, wait_until = 0
WHERE id = :id AND tenant = :tenant AND state = 'paused'

-- name: remove_schedule!
UPDATE schedules SET state = 'removed' WHERE id = :id AND tenant = :tenant AND state <> 'removed'

-- name: name_thread!
-- Of a workflow that began without one: where it stands now.
UPDATE workflows SET thread = :thread WHERE id = :id AND tenant = :tenant AND thread = ''

-- name: begin_instance!
INSERT INTO instance (id, epoch, restored_at) SELECT CAST(:id AS TEXT), 0, 0 WHERE NOT EXISTS (SELECT 1 FROM instance)

-- name: instance^
SELECT * FROM instance ORDER BY epoch DESC, id LIMIT 1

-- name: end_instance!
DELETE FROM instance

-- name: restore_instance!
INSERT INTO instance (id, epoch, restored_at) VALUES (:id, :epoch, :now)

-- name: belonging^
SELECT id FROM belongings WHERE what = :what

-- name: keep_belonging!
INSERT INTO belongings (what, id) VALUES (:what, :id) ON CONFLICT (what) DO NOTHING

-- name: forget_belonging!
DELETE FROM belongings WHERE what = :what

-- name: last_events
SELECT event FROM audit a
WHERE n = (SELECT MAX(n) FROM audit WHERE tenant = a.tenant AND event <> '')

-- name: every_pending_approval
SELECT id, workflow_id, seq FROM approvals WHERE state = 'pending' ORDER BY created_at, id

-- name: call_restored!
-- Its card says another reason than that the call has changed.
UPDATE tool_calls SET failure_kind = :kind, failure = :why WHERE workflow_id = :workflow_id AND seq = :seq

-- name: unsettled_calls
-- What may have run after a backup was made; what changes nothing and nobody was asked about may run again.
SELECT c.workflow_id, c.seq FROM tool_calls c JOIN workflows w ON w.id = c.workflow_id
WHERE c.state IN ('approved', 'executing') AND w.state IN ('queued', 'running', 'paused')
    AND (c.effect <> 'pure' OR EXISTS (
        SELECT 1 FROM approvals a WHERE a.workflow_id = c.workflow_id AND a.seq = c.seq))

-- name: interrupt_call!
-- As a crash after its last attempt leaves it: it is not begun again before people say what came of it.
UPDATE tool_calls SET state = 'executing', attempts = CASE WHEN attempts < :least THEN :least ELSE attempts END,
    effect_begun_at = COALESCE(effect_begun_at, :now)
WHERE workflow_id = :workflow_id AND seq = :seq

-- name: void_grants!
UPDATE grants SET revoked_at = :now, mac = '' WHERE revoked_at = 0

-- name: notices_uncertain!
-- They may have been told at any time since then: the door looks first.
UPDATE outbox SET begun = CASE WHEN begun = 0 THEN :since ELSE begun END, taken_by = '', taken_until = 0
WHERE state = 'waiting'

-- name: active_schedules
SELECT id, cron, zone FROM schedules WHERE state = 'active' AND next_at <= :now

-- name: skip_slots!
UPDATE schedules SET next_at = :next_at, wait_until = 0 WHERE id = :id

-- name: free_leases!
-- Who slept through a restore has an epoch that no owner after it will have: the backup may know an older one.
UPDATE workflows SET lease_owner = '', lease_until = 0, lease_epoch = lease_epoch + 1000000
WHERE state IN ('queued', 'running', 'paused')

-- name: spend_steps!
-- Codes that were used after the backup are used.
UPDATE factors SET last_step = :step WHERE last_step < :step

-- name: end_grants!
UPDATE grants SET revoked_at = expires_at, mac = '' WHERE revoked_at = 0 AND expires_at <= :now

-- name: workflow_head^
-- As little of it as may be: the rest may not be readable.
SELECT tenant, reply_door AS door, place FROM workflows WHERE id = :id

-- name: due_reviews
SELECT id, workflow_id FROM approvals WHERE state = 'pending' AND expires_at <= :now

-- name: abandon_workflow!
UPDATE workflows SET state = 'failed', version = version + 1, outcome = :outcome, lease_until = 0, updated_at = :now
WHERE id = :id AND state IN ('queued', 'running', 'paused')

-- name: abandon_reviews!
UPDATE approvals SET state = 'cancelled' WHERE workflow_id = :workflow_id AND state = 'pending'

-- name: abandon_calls!
-- What may have begun is not known to have not.
UPDATE tool_calls SET state = CASE WHEN state = 'executing' THEN 'in_doubt' ELSE 'cancelled' END
WHERE workflow_id = :workflow_id AND state IN ('proposed', 'pending', 'approved', 'executing')

-- What servers of the Model Context Protocol list

-- name: mcp_listings
SELECT server, config, component, manifest, about, listing, seen_at, state, decided_by, decided_at, seal
FROM mcp_listings ORDER BY server, seen_at, manifest

-- name: mcp_decisions
-- What people decided of servers' tools, as the audit logs have it, whatever the rows say.
SELECT event FROM audit
WHERE instr(event, '"event":"mcp_tools_approved"') > 0 OR instr(event, '"event":"mcp_tools_rejected"') > 0

-- name: add_mcp_listing!
INSERT INTO mcp_listings
    (server, config, component, manifest, about, listing, seen_at, state, decided_by, decided_at, seal)
VALUES (:server, :config, :component, :manifest, :about, :listing, :now, 'waiting', '', 0, '')
ON CONFLICT (server, component, manifest) DO NOTHING

-- name: drop_mcp_listings!
-- Of a server all but the one that is named and, unless that one takes its place, the approved one.
DELETE FROM mcp_listings
WHERE server = :server AND NOT (component = :component AND manifest = :manifest)
    AND (state <> 'approved' OR CAST(:is_approved AS INTEGER) = 1)

-- name: decide_mcp_listing!
UPDATE mcp_listings SET state = :state, decided_by = :actor, decided_at = :now, seal = :seal
WHERE server = :server AND component = :component AND manifest = :manifest

-- What models used

-- name: add_model_call!
INSERT INTO model_calls (workflow_id, n, tenant, at, model, prompt, tokens_in, tokens_cached, tokens_out, micros)
VALUES (:workflow_id, (SELECT COALESCE(MAX(n), 0) + 1 FROM model_calls WHERE workflow_id = :workflow_id),
    :tenant, :now, :model, :prompt, :tokens_in, :tokens_cached, :tokens_out, :micros)

-- name: model_total^
-- CAST, for PostgreSQL sums integers to decimals.
SELECT COUNT(*) AS requests, COUNT(micros) AS priced,
    CAST(COALESCE(SUM(tokens_in), 0) AS BIGINT) AS tokens_in,
    CAST(COALESCE(SUM(tokens_cached), 0) AS BIGINT) AS tokens_cached,
    CAST(COALESCE(SUM(tokens_out), 0) AS BIGINT) AS tokens_out,
    CAST(COALESCE(SUM(micros), 0) AS BIGINT) AS micros
FROM model_calls WHERE workflow_id = :workflow_id

-- name: tenant_cost^
SELECT CAST(COALESCE(SUM(micros), 0) AS BIGINT) AS micros
FROM model_calls WHERE tenant = :tenant AND at >= :since

-- name: tenant_reserved^
SELECT CAST(COALESCE(SUM(reserved), 0) AS BIGINT) AS micros
FROM workflows WHERE tenant = :tenant AND reserved > 0 AND reserved_at >= :since

-- name: reserved^
SELECT reserved FROM workflows WHERE id = :id

-- name: reserve!
UPDATE workflows SET reserved = :micros, reserved_at = :now
WHERE id = :id AND version = :version AND lease_epoch = :epoch AND state IN ('queued', 'running', 'paused')

-- name: release!
UPDATE workflows SET reserved = 0 WHERE id = :id AND reserved > 0

-- name: model_calls_of
SELECT * FROM model_calls WHERE workflow_id = :workflow_id ORDER BY n

-- Summaries

-- name: add_summary!
INSERT INTO summaries (workflow_id, n, tenant, at, covers, text, taint, made_by, turn, is_forced, is_over)
VALUES (:workflow_id, (SELECT COALESCE(MAX(n), 0) + 1 FROM summaries WHERE workflow_id = :workflow_id),
    :tenant, :now, :covers, :text, :taint, :made_by, :turn, :is_forced, :is_over)

-- name: summaries_of
-- Newest first.
SELECT * FROM summaries WHERE workflow_id = :workflow_id ORDER BY n DESC

-- name: void_summary!
UPDATE summaries SET text = '' WHERE workflow_id = :workflow_id AND n = :n

-- name: set_read_also!
UPDATE workflows SET read_also = :read_also WHERE id = :id AND lease_epoch = :epoch

-- Memories

-- name: add_memory!
INSERT INTO memories (tenant, id, subject_user, visibility, place, kind, text, source, source_ref, trust, taint,
    created_at, expires_at, superseded_by, index_version, sha256, approved_by, mac)
VALUES (:tenant, :id, :subject_user, :visibility, :place, :kind, :text, :source, :source_ref, :trust, :taint,
    :created_at, :expires_at, :superseded_by, '', :sha256, :approved_by, :mac)

-- name: memory^
-- is_outlived, here and below: what the audit log has it that came of it, whatever its row says.  || '' is for the
-- index, which SQLite does not use for a column of text.
SELECT m.*, EXISTS (SELECT 1 FROM audit a WHERE a.tenant = m.tenant AND instr(a.event, '"memory":"') > 0
        AND substr(a.event, instr(a.event, '"memory":"') + 10, 18) = m.id || ''
        AND (instr(a.event, '"event":"memory_forgotten"') > 0
            OR (m.superseded_by = '' AND instr(a.event, '"event":"memory_superseded"') > 0))) AS is_outlived
FROM memories m WHERE m.tenant = :tenant AND m.id = :id

-- name: memories_saying
SELECT m.*, EXISTS (SELECT 1 FROM audit a WHERE a.tenant = m.tenant AND instr(a.event, '"memory":"') > 0
        AND substr(a.event, instr(a.event, '"memory":"') + 10, 18) = m.id || ''
        AND (instr(a.event, '"event":"memory_forgotten"') > 0
            OR (m.superseded_by = '' AND instr(a.event, '"event":"memory_superseded"') > 0))) AS is_outlived
FROM memories m WHERE m.tenant = :tenant AND m.sha256 = :sha256 ORDER BY m.created_at, m.id

-- name: memories_of
-- Oldest first, after the one that is named.
SELECT m.*, EXISTS (SELECT 1 FROM audit a WHERE a.tenant = m.tenant AND instr(a.event, '"memory":"') > 0
        AND substr(a.event, instr(a.event, '"memory":"') + 10, 18) = m.id || ''
        AND (instr(a.event, '"event":"memory_forgotten"') > 0
            OR (m.superseded_by = '' AND instr(a.event, '"event":"memory_superseded"') > 0))) AS is_outlived
FROM memories m WHERE m.tenant = :tenant AND (m.created_at, m.id) > (:after, :after_id)
ORDER BY m.created_at, m.id LIMIT :limit

-- name: memory_count^
SELECT COUNT(*) AS there FROM memories WHERE tenant = :tenant

-- name: has_memories^
SELECT 1 AS has FROM memories WHERE tenant = :tenant LIMIT 1

-- name: memory_tenants
SELECT DISTINCT tenant FROM memories

-- name: supersede_memory!
UPDATE memories SET superseded_by = :by, mac = :mac, index_version = ''
WHERE tenant = :tenant AND id = :id AND superseded_by = ''

-- name: drop_memory!
DELETE FROM memories WHERE tenant = :tenant AND id = :id

-- name: memory_indexed!
-- Only what is still as it was put.
UPDATE memories SET index_version = :version WHERE tenant = :tenant AND id = :id AND superseded_by = ''

-- name: indexable_memories^
-- How many the index should have.
SELECT COUNT(*) AS there FROM memories WHERE tenant = :tenant AND superseded_by = ''

-- name: unindex_memories!
-- As if no index had them.
UPDATE memories SET index_version = '' WHERE tenant = :tenant AND index_version <> ''

-- name: add_memory_job!
INSERT INTO memory_jobs (tenant, memory_id, what, due_at, tries) VALUES (:tenant, :id, :what, :now, 0)
ON CONFLICT (tenant, memory_id) DO UPDATE SET what = excluded.what, due_at = excluded.due_at, tries = 0

-- name: queue_unindexed!
-- What another index than this one has, or none.
INSERT INTO memory_jobs (tenant, memory_id, what, due_at, tries)
SELECT tenant, id, 'put', CAST(:now AS DOUBLE PRECISION), 0 FROM memories
WHERE tenant = :tenant AND index_version <> :version AND superseded_by = ''
ON CONFLICT (tenant, memory_id) DO NOTHING

-- name: due_memory_jobs
-- Of one tenant, with the text of what is to be put.
SELECT j.memory_id, j.what, j.tries, m.text, m.superseded_by FROM memory_jobs j
LEFT JOIN memories m ON m.tenant = j.tenant AND m.id = j.memory_id
WHERE j.tenant = :tenant AND j.due_at <= :now ORDER BY j.due_at, j.memory_id LIMIT :limit

-- name: memory_job_tenants
SELECT DISTINCT tenant FROM memory_jobs WHERE due_at <= :now

-- name: memory_jobs_left^
SELECT COUNT(*) AS there FROM memory_jobs WHERE tenant = :tenant

-- name: end_memory_job!
DELETE FROM memory_jobs WHERE tenant = :tenant AND memory_id = :id AND what = :what

-- name: delay_memory_job!
UPDATE memory_jobs SET due_at = :due_at, tries = tries + 1
WHERE tenant = :tenant AND memory_id = :id AND what = :what

-- name: add_recall!
INSERT INTO recalls (workflow_id, n, tenant, at, asked_by, memory_id, problem)
VALUES (:workflow_id, (SELECT COALESCE(MAX(n), 0) + 1 FROM recalls WHERE workflow_id = :workflow_id),
    :tenant, :now, :asked_by, :memory_id, :problem)

-- name: recalls_of
SELECT * FROM recalls WHERE workflow_id = :workflow_id AND tenant = :tenant ORDER BY n

-- name: recalled_in
SELECT DISTINCT workflow_id, asked_by FROM recalls WHERE tenant = :tenant AND memory_id = :memory_id

-- name: add_data_message!
-- Of a user's, but nobody said it: see Message.source.
INSERT INTO messages (workflow_id, seq, role, text, calls, call_id, source)
VALUES (:workflow_id, (SELECT COALESCE(MAX(seq), 0) + 1 FROM messages WHERE workflow_id = :workflow_id),
    'user', :text, '[]', '', :source)

-- name: add_memory_receipt!
INSERT INTO memory_receipts (tenant, id, at, actor, why, memories, places, digest)
VALUES (:tenant, :id, :now, :actor, :why, :memories, :places, :digest)

-- name: memory_receipts
SELECT * FROM memory_receipts WHERE tenant = :tenant ORDER BY at, id

-- Erasing texts

-- name: said_in
-- Everything of a workflow that may hold a text: where it is, and the text.  held: people, a ticket or a question are
-- bound to it ('waits'), or a tool writes to it ('runs'), as long as the workflow goes on.
SELECT s.what, s.k, s.one, s.two, s.three, s.circumstances,
    CASE WHEN w.state IN ('queued', 'running', 'paused') THEN s.held ELSE '' END AS held
FROM workflows w CROSS JOIN (
    SELECT 'message' AS what, CAST(seq AS TEXT) AS k, text AS one, calls AS two, '' AS three, '' AS circumstances,
        '' AS held FROM messages WHERE workflow_id = :workflow_id
    UNION ALL SELECT 'call', CAST(seq AS TEXT), args, COALESCE(output, ''), COALESCE(failure, ''), circumstances,
        CASE WHEN state = 'executing' THEN 'runs'
            WHEN state IN ('proposed', 'pending', 'approved', 'in_doubt') THEN 'waits' ELSE '' END
        FROM tool_calls WHERE workflow_id = :workflow_id
    UNION ALL SELECT 'asked', id, asked_args, '', '', '', CASE WHEN state = 'pending' THEN 'waits' ELSE '' END
        FROM approvals WHERE workflow_id = :workflow_id
    UNION ALL SELECT 'workflow', id, text, outcome, '', '', '' FROM workflows WHERE id = :workflow_id
    UNION ALL SELECT 'notice', CAST(id AS TEXT), body, '', '', '', '' FROM outbox WHERE workflow_id = :workflow_id
    UNION ALL SELECT 'question', id, text, choices, answer, '', CASE WHEN state = 'open' THEN 'waits' ELSE '' END
        FROM questions WHERE workflow_id = :workflow_id
    UNION ALL SELECT 'summary', CAST(n AS TEXT), text, '', '', '', '' FROM summaries
        WHERE workflow_id = :workflow_id) AS s
WHERE w.id = :workflow_id

-- name: later_in_thread
-- The tasks after one in its thread, the oldest first.
SELECT l.id, l.state FROM workflows w JOIN workflows l ON l.tenant = w.tenant AND l.thread = w.thread
WHERE w.id = :id AND w.tenant = :tenant AND w.thread <> '' AND l.created_at > w.created_at
ORDER BY l.created_at LIMIT 500

-- name: plan_anew!
-- Whoever thinks of its next move was given what is gone: that move is no one's, and they are asked again.
UPDATE workflows SET version = version + 1 WHERE id = :id AND state IN ('queued', 'running', 'paused')

-- name: add_remains!
INSERT INTO memory_remains (tenant, workflow_id, memory_id, text) VALUES (:tenant, :workflow_id, :memory_id, :text)
ON CONFLICT (workflow_id, memory_id) DO NOTHING

-- name: remains_tenants
SELECT DISTINCT r.tenant FROM memory_remains r JOIN workflows w ON w.id = r.workflow_id
WHERE w.state IN ('done', 'failed', 'cancelled')

-- name: remains_to_settle
SELECT r.workflow_id, r.memory_id, r.text FROM memory_remains r
JOIN workflows w ON w.id = r.workflow_id AND w.tenant = r.tenant
WHERE r.tenant = :tenant AND w.state IN ('done', 'failed', 'cancelled') ORDER BY r.workflow_id, r.memory_id

-- name: drop_remains!
DELETE FROM memory_remains WHERE tenant = :tenant AND workflow_id = :workflow_id

-- name: rewrite_summary!
UPDATE summaries SET text = :one WHERE workflow_id = :workflow_id AND n = CAST(CAST(:k AS TEXT) AS BIGINT)

-- name: rewrite_message!
UPDATE messages SET text = :one, calls = :two WHERE workflow_id = :workflow_id AND seq = CAST(CAST(:k AS TEXT) AS BIGINT)

-- name: rewrite_call!
UPDATE tool_calls SET args = :one, output = CASE WHEN output IS NULL THEN NULL ELSE CAST(:two AS TEXT) END,
    failure = CASE WHEN failure IS NULL THEN NULL ELSE CAST(:three AS TEXT) END, circumstances = :circumstances
WHERE workflow_id = :workflow_id AND seq = CAST(CAST(:k AS TEXT) AS BIGINT)

-- name: rewrite_asked!
UPDATE approvals SET asked_args = :one WHERE workflow_id = :workflow_id AND id = :k

-- name: rewrite_workflow!
UPDATE workflows SET text = :one, outcome = :two WHERE id = :workflow_id AND id = :k

-- name: rewrite_notice!
UPDATE outbox SET body = :one WHERE workflow_id = :workflow_id AND id = CAST(CAST(:k AS TEXT) AS BIGINT)

-- name: workflows_to_erase
-- Ended ones whose texts are there, the oldest first, after the one that is named.
SELECT id, updated_at FROM workflows
WHERE tenant = :tenant AND erased_at = 0 AND state IN ('done', 'failed', 'cancelled') AND updated_at < :until
ORDER BY updated_at, id LIMIT :limit

-- name: workflows_to_erase_audit
SELECT id, updated_at FROM workflows
WHERE tenant = :tenant AND audit_erased_at = 0 AND state IN ('done', 'failed', 'cancelled') AND updated_at < :until
    AND (updated_at, id) > (:after, :after_id)
ORDER BY updated_at, id LIMIT :limit

-- name: erase_workflow!
UPDATE workflows SET text = '', outcome = '', erased_at = :now WHERE id = :id

-- name: audit_erased!
UPDATE workflows SET audit_erased_at = :now WHERE id = :id

-- name: erase_messages!
UPDATE messages SET text = '', calls = '[]' WHERE workflow_id = :id

-- name: erase_calls!
UPDATE tool_calls SET args = '{}', output = NULL, failure = CASE WHEN failure IS NULL THEN NULL ELSE '' END,
    circumstances = '{}'
WHERE workflow_id = :id

-- name: erase_asked!
UPDATE approvals SET asked_args = '' WHERE workflow_id = :id

-- name: erase_reasons!
UPDATE decisions SET reason = '' WHERE approval_id IN (SELECT id FROM approvals WHERE workflow_id = :id)

-- name: erase_notices!
-- What nobody could be told in all that time is given up.
UPDATE outbox SET body = '{}', state = CASE WHEN state = 'waiting' THEN 'given_up' ELSE state END,
    taken_by = '', taken_until = 0
WHERE workflow_id = :id

-- name: erase_summaries!
UPDATE summaries SET text = '' WHERE workflow_id = :id

-- name: expired_memories
SELECT id FROM memories WHERE tenant = :tenant
    AND ((expires_at > 0 AND expires_at <= :now) OR created_at < :until) ORDER BY created_at, id LIMIT :limit

-- Tenants: whether each is served, and what goes when one is forgotten

-- name: tenant_states
SELECT id, state, changed_by, changed_at FROM tenants ORDER BY id

-- name: tenant_state^
SELECT state, changed_by, changed_at, created_at FROM tenants WHERE id = :tenant

-- name: set_tenant_state!
UPDATE tenants SET state = :state, changed_by = :by, changed_at = :now WHERE id = :tenant AND state = :was

-- name: tenant_open
-- What of a tenant has not ended, with the end of its lease; followers first, so that none begins for another's end.
SELECT id, lease_until FROM workflows WHERE tenant = :tenant AND state IN ('queued', 'running', 'paused')
ORDER BY created_at DESC, id DESC

-- name: tenant_notice^
SELECT id FROM outbox WHERE tenant = :tenant AND state = 'waiting' LIMIT 1

-- name: tenant_counts^
SELECT (SELECT count(*) FROM workflows WHERE tenant = :tenant AND state IN ('queued', 'running', 'paused')) AS open,
    (SELECT count(*) FROM approvals WHERE tenant = :tenant AND state = 'pending') AS waiting,
    (SELECT count(*) FROM schedules WHERE tenant = :tenant AND state <> 'removed') AS schedules,
    (SELECT count(*) FROM secrets WHERE tenant = :tenant) AS secrets,
    (SELECT count(*) FROM memories WHERE tenant = :tenant) AS memories,
    (SELECT count(*) FROM audit WHERE tenant = :tenant) AS events,
    (SELECT count(*) FROM audit WHERE tenant = :tenant AND commitment = '') AS uncommitted

-- name: tenant_usage^
SELECT COUNT(*) AS requests, CAST(COALESCE(SUM(tokens_in), 0) AS BIGINT) AS tokens_in,
    CAST(COALESCE(SUM(tokens_out), 0) AS BIGINT) AS tokens_out, CAST(COALESCE(SUM(micros), 0) AS BIGINT) AS micros
FROM model_calls WHERE tenant = :tenant AND at >= :since

-- name: forget_tenant_inbox!
-- Of its workflows, and what its callers and its workspaces named themselves.
DELETE FROM inbox WHERE workflow_id IN (SELECT id FROM workflows WHERE tenant = :tenant)
    OR instr(source, 'http:' || :tenant || ':') = 1 OR instr(source, 'http:schedule:' || :tenant || ':') = 1
    OR (source = 'slack' AND EXISTS (SELECT 1 FROM installations i WHERE i.tenant = :tenant
        AND instr(event_id, i.team_id || ':') = 1))
    OR (source = 'slack' AND instr(event_id, :tenant || ':') = 1)

-- name: forget_tenant_testimonies!
DELETE FROM testimonies WHERE doubt_id IN (SELECT id FROM doubts WHERE tenant = :tenant)

-- name: forget_tenant_doubts!
DELETE FROM doubts WHERE tenant = :tenant

-- name: forget_tenant_decisions!
DELETE FROM decisions WHERE approval_id IN (SELECT id FROM approvals WHERE tenant = :tenant)

-- name: forget_tenant_grants!
DELETE FROM grants WHERE tenant = :tenant

-- name: forget_tenant_approvals!
DELETE FROM approvals WHERE tenant = :tenant

-- name: forget_tenant_tool_calls!
DELETE FROM tool_calls WHERE workflow_id IN (SELECT id FROM workflows WHERE tenant = :tenant)

-- name: forget_tenant_messages!
DELETE FROM messages WHERE workflow_id IN (SELECT id FROM workflows WHERE tenant = :tenant)

-- name: forget_tenant_model_calls!
DELETE FROM model_calls WHERE tenant = :tenant

-- name: forget_tenant_summaries!
DELETE FROM summaries WHERE tenant = :tenant

-- name: forget_tenant_recalls!
DELETE FROM recalls WHERE tenant = :tenant

-- name: forget_tenant_memory_jobs!
DELETE FROM memory_jobs WHERE tenant = :tenant

-- name: forget_tenant_memory_remains!
DELETE FROM memory_remains WHERE tenant = :tenant

-- name: forget_tenant_memories!
DELETE FROM memories WHERE tenant = :tenant

-- name: forget_tenant_memory_receipts!
DELETE FROM memory_receipts WHERE tenant = :tenant

-- name: forget_tenant_outbox!
DELETE FROM outbox WHERE tenant = :tenant

-- name: forget_tenant_workflows!
DELETE FROM workflows WHERE tenant = :tenant

-- name: forget_tenant_schedules!
DELETE FROM schedules WHERE tenant = :tenant

-- name: forget_tenant_secrets!
DELETE FROM secrets WHERE tenant = :tenant

-- name: forget_tenant_factors!
DELETE FROM factors WHERE tenant = :tenant

-- name: forget_tenant_group_members!
DELETE FROM group_members WHERE tenant = :tenant

-- name: forget_tenant_toolboxes!
DELETE FROM toolboxes WHERE tenant = :tenant

-- name: forget_tenant_installations!
DELETE FROM installations WHERE tenant = :tenant

-- name: add_receipt!
INSERT INTO tenant_receipts (tenant, what, removed) VALUES (:tenant, :what, :removed)
ON CONFLICT (tenant, what) DO UPDATE SET removed = tenant_receipts.removed + excluded.removed

-- name: set_receipt!
INSERT INTO tenant_receipts (tenant, what, removed) VALUES (:tenant, :what, :removed)
ON CONFLICT (tenant, what) DO UPDATE SET removed = excluded.removed

-- name: receipt
SELECT what, removed FROM tenant_receipts WHERE tenant = :tenant ORDER BY what

-- name: drop_receipt!
DELETE FROM tenant_receipts WHERE tenant = :tenant

-- Questions of the brain

-- name: add_question!
INSERT INTO questions (id, tenant, workflow_id, n, call_id, text, choices, state, asked_at, expires_at, answered_by,
    answered_at, answer)
VALUES (:id, :tenant, :workflow_id, (SELECT COUNT(*) + 1 FROM questions WHERE workflow_id = :workflow_id), :call_id,
    :text, :choices, 'open', :now, :expires_at, '', 0, '')

-- name: question^
-- Of its workflow's tenant: a row that says another one is nobody's.
SELECT q.*, w.requester, w.reply_door, w.state AS workflow_state FROM questions q
JOIN workflows w ON w.id = q.workflow_id AND w.tenant = q.tenant
WHERE q.id = :id

-- name: open_questions
SELECT id FROM questions WHERE tenant = :tenant AND state = 'open' ORDER BY asked_at, id

-- name: open_question_of^
SELECT id FROM questions WHERE workflow_id = :workflow_id AND state = 'open'

-- name: open_question_in_thread^
SELECT q.id FROM questions q JOIN workflows w ON w.id = q.workflow_id AND w.tenant = q.tenant
WHERE q.tenant = :tenant AND w.thread = :thread AND w.thread <> '' AND q.state = 'open' AND w.state = 'paused'
ORDER BY q.asked_at LIMIT 1

-- name: every_open_question
SELECT id, tenant, workflow_id FROM questions WHERE state = 'open' ORDER BY asked_at, id

-- name: due_questions
SELECT id, workflow_id FROM questions WHERE state = 'open' AND expires_at <= :now ORDER BY expires_at, id

-- name: questions_to_remind
-- As of approvals: with less than a tenth of the wait left, or the given seconds; of long waits only.
SELECT id FROM (
    SELECT id, expires_at FROM questions WHERE state = 'open' AND reminded_at = 0
        AND expires_at > :now AND expires_at < :now + CAST(:least AS DOUBLE PRECISION)
        AND expires_at - asked_at > 2 * CAST(:least AS DOUBLE PRECISION)
    UNION SELECT id, expires_at FROM questions WHERE state = 'open' AND reminded_at = 0
        AND +expires_at > :now AND expires_at - (expires_at - asked_at) / 10 < :now
        AND expires_at - asked_at > 2 * CAST(:least AS DOUBLE PRECISION)
) AS due ORDER BY expires_at LIMIT 100

-- name: reminded_of_question!
UPDATE questions SET reminded_at = :now WHERE id = :id AND state = 'open' AND reminded_at = 0

-- name: settle_question!
UPDATE questions SET state = :state, answered_by = :by, answered_at = :now, answer = :answer
WHERE id = :id AND state = 'open'

-- name: rewrite_question!
UPDATE questions SET text = :one, choices = :two, answer = :three WHERE workflow_id = :workflow_id AND id = :k

-- name: erase_questions!
UPDATE questions SET text = '', choices = '[]', answer = '' WHERE workflow_id = :id

-- name: forget_tenant_questions!
DELETE FROM questions WHERE tenant = :tenant

-- name: draft_spot^
-- Where the status of a workflow stands, while it is as it was read and nothing newer is to be told of it.
SELECT o.ref FROM outbox o JOIN workflows w ON w.id = :id AND w.tenant = o.tenant
WHERE o.subject = :subject AND o.ref IS NOT NULL AND w.version = :version AND w.lease_epoch = :epoch
    AND w.stop_by = '' AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.subject = :subject AND n.state = 'waiting')
ORDER BY o.id DESC LIMIT 1
