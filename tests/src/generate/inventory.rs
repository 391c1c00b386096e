//! Manifests of the services, as `kustomize build` prints them, and their gRPC interfaces.

use std::fmt::Write as _;

use super::namespace;
use super::service::{Kind, Service};

/// The manifests of one team, as one text of several documents.
pub(super) fn manifests(members: &[Service]) -> String {
    let mut text = String::new();
    for service in members {
        service_and_account(service, &mut text);
        deployment(service, "v1", &mut text);
        if service.releases {
            deployment(service, "v2", &mut text);
        }
    }
    text
}

/// The gRPC interfaces of one team.
pub(super) fn protos(members: &[Service]) -> String {
    let mut text = String::from("syntax = \"proto3\";\n\npackage company;\n");
    for (name, rpcs) in members.iter().filter_map(Service::rpcs) {
        let _ = write!(text, "\nservice {name} {{\n");
        for rpc in rpcs {
            let _ = writeln!(text, "  rpc {rpc}({name}{rpc}Request) returns ({name}{rpc}Response);");
        }
        text.push_str("}\n");
        for rpc in rpcs {
            for message in ["Request", "Response"] {
                let _ = writeln!(text, "message {name}{rpc}{message} {{ string id = 1; repeated string items = 2; }}");
            }
        }
    }
    text
}

fn service_and_account(service: &Service, out: &mut String) {
    let (number, container, protocol) = service.kind.port();
    let (name, namespace) = (&service.name, namespace(service.team()));
    let _ = write!(
        out,
        "apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app: {name}
    team: {namespace}
spec:
  selector:
    app: {name}
  ports:
    - name: {protocol}
      port: {number}
      targetPort: {container}
      protocol: TCP
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: {namespace}
---
"
    );
}

fn deployment(service: &Service, version: &str, out: &mut String) {
    let (_, container, _) = service.kind.port();
    let (name, namespace) = (&service.name, namespace(service.team()));
    let metrics = if service.kind == Kind::HttpApi { "            - containerPort: 9090\n" } else { "" };
    let _ = write!(
        out,
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}-{version}
  namespace: {namespace}
  labels:
    app: {name}
    team: {namespace}
spec:
  replicas: 3
  selector:
    matchLabels:
      app: {name}
      version: {version}
  template:
    metadata:
      labels:
        app: {name}
        version: {version}
        team: {namespace}
    spec:
      serviceAccountName: {name}
      securityContext:
        runAsNonRoot: true
      containers:
        - name: server
          image: registry.example.com/{namespace}/{name}:{version}
          ports:
            - containerPort: {container}
{metrics}          env:
            - name: LOG_LEVEL
              value: info
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
---
"
    );
}
