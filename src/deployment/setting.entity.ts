import { defineEntity, p } from '@mikro-orm/postgresql'

const SettingSchema = defineEntity({
  name: 'Setting',
  tableName: 'settings',
  properties: {
    name: p.string().length(64).primary(),
    value: p.json<Record<string, unknown>>(),
  },
})

/** A stored setting of the deployment. */
export class Setting extends SettingSchema.class {}
SettingSchema.setClass(Setting)
