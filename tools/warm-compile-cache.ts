/*
 * Runs after `npm install`: imports what the daemon imports, so that even its first start finds it compiled.
 */
await Promise.all([import('../src/cli/main.ts'), import('../src/cli/verbs/serve.ts'), import('../src/app/serve.ts')])
