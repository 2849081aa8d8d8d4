-- How many customer managed keys each account has, in whatever state: to count 100,000 takes milliseconds in which nobody
-- else can write. It has no authentication code, since it decides nothing but whether one key more is too many.
CREATE TABLE key_counts (
	account TEXT    NOT NULL PRIMARY KEY,
	keys    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO key_counts (account, keys) SELECT account, count(*) FROM keys WHERE manager = 'CUSTOMER' GROUP BY account;
CREATE TRIGGER keys_made AFTER INSERT ON keys WHEN new.manager = 'CUSTOMER' BEGIN
	INSERT INTO key_counts (account, keys) VALUES (new.account, 1) ON CONFLICT (account) DO UPDATE SET keys = keys + 1;
END;
CREATE TRIGGER keys_dropped AFTER DELETE ON keys WHEN old.manager = 'CUSTOMER' BEGIN
	UPDATE key_counts SET keys = keys - 1 WHERE account = old.account;
END;
