-- Up Migration
-- A change of password that carries the current one is a try like a login: a wrong one counts towards the lock.
ALTER TABLE login_attempts DROP CONSTRAINT login_attempts_purpose_check;
ALTER TABLE login_attempts ADD CONSTRAINT login_attempts_purpose_check CHECK (purpose IN ('login', 'change', 'verify'));

-- Down Migration
DELETE FROM login_attempts WHERE purpose = 'change';
ALTER TABLE login_attempts DROP CONSTRAINT login_attempts_purpose_check;
ALTER TABLE login_attempts ADD CONSTRAINT login_attempts_purpose_check CHECK (purpose IN ('login', 'verify'));
