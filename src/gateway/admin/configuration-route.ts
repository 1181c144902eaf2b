import type { FastifyInstance } from 'fastify'
import type { ConfigurationService } from '../../spec/services.ts'

/** `PATCH /grym/v1/config`: any part of the guide's configuration object, at once and whole, or not at all. */
export function addConfigurationRoute(app: FastifyInstance, configuration: () => ConfigurationService): void {
  app.patch('/grym/v1/config', async (request) => {
    await configuration().configure(request.body)
    return { configured: true }
  })
}
