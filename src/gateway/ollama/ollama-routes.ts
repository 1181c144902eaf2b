import type { FastifyInstance } from 'fastify'
import type { ManagerService } from '../../spec/admin.ts'
import type { ModelLibrary } from '../../spec/model-library.ts'
import type { Reception } from '../reception.ts'
import { addAnswerRoutes } from './answer-routes.ts'
import { addEmbedRoutes } from './embed-routes.ts'
import { addLibraryRoutes } from './library-routes.ts'
import { addListRoutes } from './list-routes.ts'
import { addShowRoute } from './show-route.ts'
import { addUnservedRoutes } from './unserved-routes.ts'

/** Ollama's own API, everything below `/api/`. */
export function addOllamaRoutes(app: FastifyInstance, reception: Reception, library: () => ModelLibrary): void {
  const manager = (): ManagerService => reception.manager
  addListRoutes(app, manager)
  addShowRoute(app, manager)
  addAnswerRoutes(app, reception)
  addEmbedRoutes(app, reception)
  addLibraryRoutes(app, library)
  addUnservedRoutes(app)
}
