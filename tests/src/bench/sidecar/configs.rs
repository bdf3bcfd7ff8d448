//! What the peers are told: one thread, connections kept on both sides, the key put in, no buffering
//! of answers, no log of requests. They check no token, choose no key and count nothing.

use std::net::SocketAddr;

use serde_json::json;

use super::provider::AUTHORITY;
use super::subjects::{Before, KEY};

/// The key pool of our sidecar.
pub(super) fn keys() -> String {
    json!({"providers": {"anthropic": {"authType": "apiKey", "keys": [KEY]}}}).to_string()
}

/// A workspace for each token.
pub(super) fn sidecar(listen: SocketAddr, provider: Before, tokens: &[String]) -> String {
    let Before { address, secure } = provider;
    let scheme = if secure { "https" } else { "http" };
    let head = format!(
        "listen = \"{listen}\"\nkeys = \"keys.json\"\nusage = \"usage.jsonl\"\n\
         tls_roots = \"{AUTHORITY}\"\n[upstreams]\nanthropic = \"{scheme}://{address}\"\n"
    );
    let workspaces = tokens.iter().enumerate().map(|(n, token)| {
        let hash = events::token::token_hash(token);
        format!("[[workspaces]]\nname = \"w{n}\"\ntoken_sha256 = \"{hash}\"\n")
    });
    head + &workspaces.collect::<String>()
}

/// nginx.org/en/docs/http/ngx_http_proxy_module.html
pub(super) fn nginx(listen: SocketAddr, provider: Before) -> String {
    let Before { address, secure } = provider;
    let scheme = if secure { "https" } else { "http" };
    format!(
        "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; gzip off; keepalive_requests 1000000; client_body_buffer_size 512k;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream provider {{ server {address}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen {listen} backlog=4096; tcp_nodelay on;
    location / {{
      proxy_pass {scheme}://provider; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_set_header x-api-key \"{KEY}\"; proxy_buffering off;
    }}
  }}
}}
"
    )
}

/// docs.haproxy.org/2.6/configuration.html
pub(super) fn haproxy(listen: SocketAddr, provider: Before) -> String {
    let Before { address, secure } = provider;
    let tls = if secure { "ssl verify none" } else { "" };
    format!(
        "global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  option http-server-close
  no option http-server-close
  http-reuse always
frontend door
  bind {listen}
  default_backend provider
backend provider
  http-request set-header x-api-key {KEY}
  server provider {address} {tls}
"
    )
}

/// envoyproxy.io/docs/envoy/v1.40.0/configuration
pub(super) fn envoy(listen: SocketAddr, provider: Before) -> String {
    let address = |at: SocketAddr| json!({"socket_address": {"address": at.ip().to_string(), "port_value": at.port()}});
    let route =
        json!({"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "60s"}});
    let header = json!({"header": {"key": "x-api-key", "value": KEY},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"});
    let hosts = json!([{"name": "all", "domains": ["*"], "routes": [route],
        "request_headers_to_add": [header]}]);
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    let filters = "envoy.extensions.filters.network";
    let door =
        format!("type.googleapis.com/{filters}.http_connection_manager.v3.HttpConnectionManager");
    let filter = json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": {
        "@type": door, "stat_prefix": "door",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}]}});
    let endpoint = json!({"endpoint": {"address": address(provider.address)}});
    let mut cluster = json!({"name": "provider", "type": "STATIC", "connect_timeout": "10s",
        "load_assignment": {"cluster_name": "provider",
            "endpoints": [{"lb_endpoints": [endpoint]}]}});
    if provider.secure {
        let tls =
            "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
        cluster["transport_socket"] = json!({"name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": tls, "sni": "localhost"}});
    }
    json!({"static_resources": {
        "listeners": [{"address": address(listen), "filter_chains": [{"filters": [filter]}]}],
        "clusters": [cluster]}})
    .to_string()
}
