{{- define "sluicebox.name" -}}
{{- printf "%s-%s" .Release.Name "sluicebox" | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "sluicebox.selector" -}}
app.kubernetes.io/name: sluicebox
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sluicebox.labels" -}}
{{ include "sluicebox.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "sluicebox.pod" -}}
metadata:
  labels:
    {{- include "sluicebox.labels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile: { type: RuntimeDefault }
  {{- with .Values.plugins.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: sluice
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - run
        - --log-format={{ .Values.logFormat }}
        - --on-failure={{ .Values.onFailure }}
        - --watch
        - --admin=0.0.0.0:{{ .Values.admin.port }}
        - --admin-token-file=/etc/sluicebox/admin/token
        - --admin-read-token-file=/etc/sluicebox/admin/read-token
        {{- if .Values.instance.enabled }}
        - --instance=$(POD_NAME)
        {{- end }}
        {{- range .Values.extraArgs }}
        - {{ . | quote }}
        {{- end }}
        - /etc/sluicebox/pipelines
      env:
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        {{- if .Values.plugins.volume }}
        - name: SLUICE_PLUGIN_PATH
          value: /etc/sluicebox/plugins
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - { name: admin, containerPort: {{ .Values.admin.port }} }
      # The first start compiles plugins that the image does not have compiled.
      startupProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 5
        failureThreshold: 120
      livenessProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 20
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 5
        timeoutSeconds: 5
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      volumeMounts:
        - { name: pipelines, mountPath: /etc/sluicebox/pipelines, readOnly: true }
        - { name: cache, mountPath: /var/cache/sluicebox }
        - { name: tmp, mountPath: /tmp }
        {{- if .Values.plugins.volume }}
        - { name: plugins, mountPath: /etc/sluicebox/plugins, readOnly: true }
        {{- end }}
        - { name: admin, mountPath: /etc/sluicebox/admin, readOnly: true }
        {{- range $number, $mount := .Values.secretMounts }}
        - { name: secret-{{ $number }}, mountPath: {{ $mount.mountPath }}, readOnly: true }
        {{- end }}
  volumes:
    - name: pipelines
      configMap: { name: {{ .Values.existingConfigMap | default (include "sluicebox.name" .) }} }
    - name: cache
      emptyDir: {}
    - name: tmp
      emptyDir: {}
    {{- with .Values.plugins.volume }}
    - name: plugins
      {{- toYaml . | nindent 6 }}
    {{- end }}
    - name: admin
      secret: { secretName: {{ .Values.admin.tokenSecret | default (include "sluicebox.name" .) }} }
    {{- range $number, $mount := .Values.secretMounts }}
    - name: secret-{{ $number }}
      secret: { secretName: {{ $mount.secretName }} }
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
