import type { Attribute, ResourceType } from './attributes.ts'
import { ENTERPRISE_SCHEMA, GROUP, USER } from './attributes.ts'
import { LIST_SCHEMA, MAX_RESULTS } from './list.ts'
import type { Resource } from './values.ts'

const SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Schema'
const RESOURCE_TYPE = 'urn:ietf:params:scim:schemas:core:2.0:ResourceType'
const CONFIG = 'urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'
const TYPES: readonly ResourceType[] = [USER, GROUP]

/** What the server can do (RFC 7643 §5). @param base the URL of `/scim/v2` */
export const serviceProviderConfig = (base: string): Resource => ({
  schemas: [CONFIG],
  patch: { supported: true },
  bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
  filter: { supported: true, maxResults: MAX_RESULTS },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: true },
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'Bearer token',
      description: 'SCIM_TOKEN of the server, as a bearer token (RFC 6750)',
      specUri: 'https://www.rfc-editor.org/rfc/rfc6750',
      primary: true,
    },
  ],
  meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
})

/** RFC 7643 §6. */
export const resourceTypes = (base: string): Resource[] =>
  TYPES.map(({ name, endpoint, description, schema, extensions }) => ({
    schemas: [RESOURCE_TYPE],
    id: name,
    name,
    endpoint,
    description,
    schema,
    schemaExtensions: Object.keys(extensions).map(urn => ({ schema: urn, required: false })),
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${name}` },
  }))

/** RFC 7643 §7. */
export function schemas(base: string): Resource[] {
  const toSchema = (id: string, name: string, description: string, attributes: readonly Attribute[]) => ({
    schemas: [SCHEMA],
    id,
    name,
    description,
    attributes: attributes.map(toDefinition),
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${id}` },
  })
  return [
    ...TYPES.map(({ schema, name, description, attributes }) => toSchema(schema, name, description, attributes)),
    toSchema(ENTERPRISE_SCHEMA, 'EnterpriseUser', 'A person in a company', USER.extensions[ENTERPRISE_SCHEMA] ?? []),
  ]
}

/** All characteristics, also those that have their default (RFC 7643 §2.2). */
function toDefinition({ subAttributes, ...attribute }: Attribute): Resource {
  return {
    multiValued: false,
    required: false,
    ...(attribute.type === 'string' && { caseExact: false }),
    mutability: 'readWrite',
    returned: 'default',
    uniqueness: 'none',
    ...attribute,
    ...(subAttributes && { subAttributes: subAttributes.map(toDefinition) }),
  }
}

/** A list that is always sent as a whole. */
export const wholeList = (resources: readonly Resource[]): Resource => ({
  schemas: [LIST_SCHEMA],
  totalResults: resources.length,
  startIndex: 1,
  itemsPerPage: resources.length,
  Resources: resources,
})
