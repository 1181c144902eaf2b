import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

/**
 * Three projects. `unit` needs no network and no sleep; `real` runs real engines, one file at a time; `gpu` is run by
 * `npm run test:gpu`, which looks for one.
 * `GRYM_SIM_SEEDS` is the number of seeds of a simulation: 200 at hand, 2,000 in CI.
 */
/** Where `npm start` keeps compiled code: the daemons of the tests run as it runs them, and start in half the time. */
const COMPILE_CACHE = fileURLToPath(new URL('node_modules/.cache/grym-compiled', import.meta.url))

/** Tests see the models and engines that they make, not those that happen to be on the machine. */
const OWN_MODELS = { GRYM_USE_OLLAMA_MODELS: 'no', GRYM_OLLAMA_URL: 'off', GRYM_LM_STUDIO_URL: 'off' }

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          env: { ...OWN_MODELS, NODE_COMPILE_CACHE: COMPILE_CACHE },
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/*.real.test.ts', '**/*.gpu.test.ts', '**/node_modules/**', 'test/fixtures/**'],
          testTimeout: 30_000,
          // Many of these files wait for processes of their own more than they compute: a core each is not too much.
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'real',
          env: { ...OWN_MODELS, NODE_COMPILE_CACHE: COMPILE_CACHE },
          include: ['src/**/*.real.test.ts', 'test/**/*.real.test.ts'],
          exclude: ['**/node_modules/**', 'test/fixtures/**'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'gpu',
          env: OWN_MODELS,
          include: ['src/**/*.gpu.test.ts', 'test/**/*.gpu.test.ts'],
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})

export default config
