import { bareOptions, finish, openBareContext } from './bare-context.ts'

/*
 * What grym's load is compared with: a program that does nothing but load a model and open a context, with the same
 * settings. Prints `{"loadMs"}`, without its own start, and ends; the bench takes the time of the whole process.
 */
const { options } = bareOptions()
const startedAtMs = performance.now()
await openBareContext(options)
finish({ loadMs: performance.now() - startedAtMs })
