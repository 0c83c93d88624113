/** The plugin in a module of its own with a default export, for loaders of plugins such as `@fastify/autoload`. */
export { protectedResource, protectedResource as default } from './metadata.ts'
export type { OwnResourceOptions } from './own-resource.ts'
export type { ProtectedResourceOptions } from './resource.ts'
