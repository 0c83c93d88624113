# Just enough of Rails to run the blocks of docs/moving-from-rails.md as they are written. FOLDER contains the blocks.
require 'base64'
require 'json'
require 'net/http'

class String
  def presence = empty? ? nil : self
end

class NilClass
  def presence = nil
end

# Its table is `TABLE`: ids by `postern_id`.
class User
  TABLE = {}

  def self.where(id:) = new(id)

  # A user who was not imported has none.
  def self.find_by(postern_id:) = postern_id.nil? ? new('not imported') : TABLE[postern_id]

  attr_reader :id

  def initialize(id) = @id = id

  def update_all(postern_id:) = TABLE[postern_id] = self
end

module ActionController
  class API
    def self.before_action(&block) = (@actions ||= []) << block

    def self.call(headers, scope)
      controller = new(headers)
      @actions.each { controller.instance_exec(&_1) }
      controller.require_scope(scope) unless controller.status
      { status: controller.status || 200, user: controller.current_user&.id }
    end

    attr_reader :request, :status

    def initialize(headers) = @request = Struct.new(:headers).new(headers)

    def head(status) = @status = { unauthorized: 401, forbidden: 403 }[status]
  end
end

def block(name) = File.read("#{ENV.fetch('FOLDER')}/#{name}.rb")

def introspect(token)
  issuer, client_id, client_secret = ENV.values_at('ISSUER', 'CLIENT_ID', 'CLIENT_SECRET')
  user_id, scopes = eval("#{block('introspect')}\n[user_id, scopes]")
  { user: user_id, scopes: scopes }
rescue RuntimeError => error
  { error: error.message }
end

Dir.chdir(ENV.fetch('FOLDER')) { eval(block('fill')) }
eval(block('controller'))
asked = JSON.parse($stdin.read)
puts JSON.generate(
  headers: asked['headers'].map { ApiController.call(_1, 'read') },
  tokens: asked['tokens'].map { introspect(_1) }
)
