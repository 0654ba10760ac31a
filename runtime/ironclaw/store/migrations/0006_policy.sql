-- The digest of the policy that a tenant's calls were judged by last; '' before the first.

ALTER TABLE tenants ADD COLUMN policy_version TEXT NOT NULL DEFAULT '';
