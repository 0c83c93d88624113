/** The plugin alone, as a default export too, for whoever loads plugins by their files. */
export { protectedResource, protectedResource as default } from './metadata.ts'
export type { ProtectedResourceOptions } from './resource.ts'
