-- As in SQLite: an event may be forgotten, nothing else of it may change.

DROP TRIGGER audit_no_change ON audit;
CREATE TRIGGER audit_no_change BEFORE DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW
    WHEN (NEW.event <> '' OR OLD.commitment = '' OR NEW.tenant <> OLD.tenant OR NEW.n <> OLD.n
        OR NEW.prev <> OLD.prev OR NEW.hash <> OLD.hash OR NEW.commitment <> OLD.commitment)
    EXECUTE FUNCTION audit_is_append_only();
