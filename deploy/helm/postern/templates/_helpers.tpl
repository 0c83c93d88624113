{{- define "postern.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "postern.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "postern.labels" -}}
{{ include "postern.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "postern.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* What the pods of the server and of the jobs have in common. */}}
{{- define "postern.pod" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with include "postern.volumes" . }}
volumes:
  {{- trim . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The same of their containers. */}}
{{- define "postern.container" -}}
image: {{ include "postern.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{ include "postern.environment" . }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- with include "postern.volumeMounts" . }}
volumeMounts:
  {{- trim . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "postern.secret" -}}
{{ required "existingSecret is required: a Secret with DATABASE_URL and APP_KEY" .Values.existingSecret }}
{{- end -}}

{{- define "postern.environment" -}}
env:
  - name: ISSUER
    value: {{ required "issuer is required: the URL that clients use" .Values.issuer | quote }}
  {{- if .Values.scopesConfigMap }}
  - name: SCOPES_FILE
    value: /etc/postern/scopes.json
  {{- end }}
  {{- if .Values.secretAsFiles }}
  {{- range .Values.secretFileKeys }}
  - name: {{ . }}_FILE
    value: /run/secrets/postern/{{ . }}
  {{- end }}
  {{- end }}
  {{- range $name, $value := .Values.config }}
  {{- if $value }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
  {{- end }}
{{- if not .Values.secretAsFiles }}
envFrom:
  - secretRef:
      name: {{ include "postern.secret" . }}
{{- end }}
{{- end -}}

{{- define "postern.volumes" -}}
{{- if .Values.scopesConfigMap }}
- name: scopes
  configMap:
    name: {{ .Values.scopesConfigMap }}
{{- end }}
{{- if .Values.secretAsFiles }}
- name: secrets
  secret:
    secretName: {{ include "postern.secret" . }}
    # 0400. The files belong to root, so Kubernetes also lets the fsGroup of the pod read them.
    defaultMode: 256
    items:
      {{- range .Values.secretFileKeys }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "postern.volumeMounts" -}}
{{- if .Values.scopesConfigMap }}
- name: scopes
  mountPath: /etc/postern
  readOnly: true
{{- end }}
{{- if .Values.secretAsFiles }}
- name: secrets
  mountPath: /run/secrets/postern
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "postern.egress" -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
    {{- range .Values.networkPolicy.egressPorts }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
{{- end -}}
