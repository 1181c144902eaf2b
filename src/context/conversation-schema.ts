/**
 * Messages are the nodes of trees: one message that several conversations begin with lies here once, and a
 * conversation is the way from its head up to the first message. A node's ancestors are always there, and each node is
 * on the way to some head.
 *
 * Text stands in `node` and `system_prompt`, whose rows are never changed, and in `conversation.compaction`: a row that
 * grows is moved, and leaves a copy of what it was inside the file.
 *
 * `total` is kept by triggers, so that no path through the code can forget it. Beside the text it counts what a row
 * and its indexes take: 200 bytes a node, 300 a conversation, 100 a system prompt (measured, rounded up), 300 a response
 * (as a conversation, which has as many columns and indexes).
 *
 * A `response` is an answer that OpenAI's Responses API can be asked for again: its items as JSON, beside the messages
 * that they are in the tree, because items say more. It goes with its conversation.
 *
 * `opening` is the first message of a person. It lies on the way to the head and cannot go before it, so it needs no
 * index to guard it. Both AUTOINCREMENT: a number that an unanswered turn still holds is not given to another row.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE node (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     parent INTEGER REFERENCES node (id),
     hash BLOB NOT NULL UNIQUE,
     depth INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     path_bytes INTEGER NOT NULL,
     at_ms INTEGER NOT NULL,
     role TEXT NOT NULL,
     model TEXT,
     outcome TEXT,
     tool_calls TEXT,
     tool_call_id TEXT,
     content TEXT NOT NULL,
     reasoning TEXT
   ) STRICT;
   CREATE INDEX node_parent ON node (parent);

   CREATE TABLE system_prompt (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     hash BLOB NOT NULL UNIQUE,
     bytes INTEGER NOT NULL,
     text TEXT NOT NULL
   ) STRICT;

   CREATE TABLE conversation (
     key INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     owner TEXT NOT NULL,
     is_named INTEGER NOT NULL,
     is_tail INTEGER NOT NULL,
     head INTEGER REFERENCES node (id),
     opening INTEGER,
     system INTEGER REFERENCES system_prompt (id),
     parent INTEGER REFERENCES conversation (key) ON DELETE SET NULL,
     model TEXT NOT NULL,
     model_history TEXT NOT NULL,
     compaction TEXT,
     created_ms INTEGER NOT NULL,
     updated_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX conversation_head ON conversation (head, updated_ms);
   CREATE INDEX conversation_system ON conversation (system);
   CREATE INDEX conversation_parent ON conversation (parent);
   CREATE INDEX conversation_updated ON conversation (updated_ms);

   CREATE TABLE total (
     conversations INTEGER NOT NULL,
     nodes INTEGER NOT NULL,
     bytes INTEGER NOT NULL
   ) STRICT;
   INSERT INTO total VALUES (0, 0, 0);
   CREATE TRIGGER node_added AFTER INSERT ON node
     BEGIN UPDATE total SET nodes = nodes + 1, bytes = bytes + NEW.bytes + 200; END;
   CREATE TRIGGER node_gone AFTER DELETE ON node
     BEGIN UPDATE total SET nodes = nodes - 1, bytes = bytes - OLD.bytes - 200; END;
   CREATE TRIGGER prompt_added AFTER INSERT ON system_prompt
     BEGIN UPDATE total SET bytes = bytes + NEW.bytes + 100; END;
   CREATE TRIGGER prompt_gone AFTER DELETE ON system_prompt
     BEGIN UPDATE total SET bytes = bytes - OLD.bytes - 100; END;
   CREATE TRIGGER conversation_added AFTER INSERT ON conversation
     BEGIN UPDATE total SET conversations = conversations + 1, bytes = bytes + 300; END;
   CREATE TRIGGER conversation_gone AFTER DELETE ON conversation
     BEGIN UPDATE total SET conversations = conversations - 1, bytes = bytes - 300; END;`,
  `CREATE TABLE response (
     key INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     owner TEXT NOT NULL,
     conversation INTEGER NOT NULL REFERENCES conversation (key) ON DELETE CASCADE,
     previous TEXT,
     bytes INTEGER NOT NULL,
     at_ms INTEGER NOT NULL,
     input TEXT NOT NULL,
     answer TEXT NOT NULL
   ) STRICT;
   CREATE INDEX response_conversation ON response (conversation);
   ALTER TABLE total ADD COLUMN responses INTEGER NOT NULL DEFAULT 0;
   CREATE TRIGGER response_added AFTER INSERT ON response
     BEGIN UPDATE total SET responses = responses + 1, bytes = bytes + NEW.bytes + 300; END;
   CREATE TRIGGER response_gone AFTER DELETE ON response
     BEGIN UPDATE total SET responses = responses - 1, bytes = bytes - OLD.bytes - 300; END;`,
]
