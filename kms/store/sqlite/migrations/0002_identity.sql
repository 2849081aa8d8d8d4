-- Who may use the keys: accounts, principals and their credentials, and grants. See 0001_keys.sql for what holds of every
-- table.

CREATE TABLE accounts (
	id         TEXT    NOT NULL PRIMARY KEY,
	rev        INTEGER NOT NULL CHECK (rev >= 1),
	state      TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	deleted_at INTEGER NOT NULL,
	mac        BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
-- An account's row stays for ever, and says when the account was deleted. In place of foreign keys, which the directory's
-- own account, that has no row, would break.
CREATE TRIGGER accounts_deleted BEFORE UPDATE ON accounts WHEN new.deleted_at <> 0 AND
	(EXISTS (SELECT 1 FROM keys WHERE account = new.id) OR EXISTS (SELECT 1 FROM principals WHERE account = new.id)) BEGIN
	SELECT RAISE(ABORT, 'the account has keys or principals');
END;

-- No foreign key: the directory's own account has no row.
CREATE TABLE principals (
	id                  TEXT    NOT NULL PRIMARY KEY,
	account             TEXT    NOT NULL,
	rev                 INTEGER NOT NULL CHECK (rev >= 1),
	kind                TEXT    NOT NULL,
	path                TEXT    NOT NULL,
	name                TEXT    NOT NULL,
	state               TEXT    NOT NULL,
	description         TEXT    NOT NULL,
	tags                TEXT    NOT NULL,
	trust_policy        TEXT    NOT NULL,
	trust_bound         TEXT    NOT NULL,
	max_session_seconds INTEGER NOT NULL,
	sessions_not_before INTEGER NOT NULL,
	policies_digest     TEXT    NOT NULL,
	created_at          INTEGER NOT NULL,
	mac                 BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
-- Names are ASCII, the letters of which are all that NOCASE folds.
CREATE UNIQUE INDEX principals_by_name ON principals (account, kind, name COLLATE NOCASE);
CREATE INDEX principals_by_account ON principals (account, id);

CREATE TABLE principal_policies (
	principal TEXT    NOT NULL REFERENCES principals (id),
	name      TEXT    NOT NULL,
	rev       INTEGER NOT NULL CHECK (rev >= 1),
	document  TEXT    NOT NULL,
	mac       BLOB    NOT NULL,
	PRIMARY KEY (principal, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_keys (
	id         TEXT    NOT NULL PRIMARY KEY,
	principal  TEXT    NOT NULL REFERENCES principals (id),
	account    TEXT    NOT NULL,
	rev        INTEGER NOT NULL CHECK (rev >= 1),
	state      TEXT    NOT NULL,
	sealed     BLOB    NOT NULL,
	created_at INTEGER NOT NULL,
	mac        BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_keys_by_principal ON access_keys (principal, id);

CREATE TABLE session_keys (
	id         TEXT    NOT NULL PRIMARY KEY,
	rev        INTEGER NOT NULL CHECK (rev >= 1),
	sealed     BLOB    NOT NULL,
	created_at INTEGER NOT NULL,
	mac        BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
	key_id             TEXT    NOT NULL REFERENCES keys (id),
	id                 TEXT    NOT NULL,
	rev                INTEGER NOT NULL CHECK (rev >= 1),
	name               TEXT    NOT NULL,
	grantee            TEXT    NOT NULL,
	grantee_arn        TEXT    NOT NULL,
	retiring           TEXT    NOT NULL,
	retiring_arn       TEXT    NOT NULL,
	issuer             TEXT    NOT NULL,
	operations         TEXT    NOT NULL,
	context_constraint TEXT    NOT NULL,
	context            TEXT    NOT NULL,
	created_at         INTEGER NOT NULL,
	mac                BLOB    NOT NULL,
	PRIMARY KEY (key_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_grantee ON grants (key_id, grantee, id);
CREATE INDEX grants_by_name ON grants (key_id, name, id) WHERE name <> '';
CREATE INDEX grants_by_retiring ON grants (retiring, id, key_id) WHERE retiring <> '';

-- How many grants each key has: to count 50,000 takes milliseconds in which nobody else can write. It has no
-- authentication code, since it decides nothing but whether one grant more is too many.
CREATE TABLE grant_counts (
	key_id TEXT    NOT NULL PRIMARY KEY REFERENCES keys (id),
	grants INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER grants_made AFTER INSERT ON grants BEGIN
	INSERT INTO grant_counts (key_id, grants) VALUES (new.key_id, 1) ON CONFLICT (key_id) DO UPDATE SET grants = grants + 1;
END;
CREATE TRIGGER grants_dropped AFTER DELETE ON grants BEGIN
	UPDATE grant_counts SET grants = grants - 1 WHERE key_id = old.key_id;
END;
