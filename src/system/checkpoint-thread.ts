import { workerData } from 'node:worker_threads'
import { openDatabase } from './sqlite.ts'

/*
 * Moves a write-ahead log into its database and ends. A thread of its own, because the flush to the disk may take long;
 * PASSIVE, because it must hold nobody up: what is in use stays in the log until the next time.
 */
const database = await openDatabase(String(workerData))
database.exec('PRAGMA wal_checkpoint(PASSIVE)')
database.close()
