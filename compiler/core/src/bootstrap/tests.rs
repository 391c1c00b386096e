mod cron_jobs;
mod manifests;
mod observed;
mod owners;
mod repository;
mod workflows;

use std::collections::BTreeMap;

use crate::compile::{Compilation, Rendered};
use crate::diagnostic::Diagnostics;
use crate::source::Text;
use crate::state::State;
use crate::template::Templates;
use crate::world::MemoryWorld;

/// Two namespaces, a gateway that is not ours, and an environment for each engine.
const SHOP: &str = r#"
mesh shop { namespace shop; mtls strict; authorization deny-by-default; injection enabled; owner @shop }

gateway ingress {
  pods            istio-system istio=ingressgateway
  service-account istio-system/ingress
  resource        istio-system/public
  listener        443
  trusted-proxies 1
}

service web {
  port    80 -> 8080 http
  allow   none
  expose  shop.example.com on ingress
  timeout 5s
}

namespace money {
  service prices { port 8080 http; allow shop/web; owner @money/prices }
}

environment staging {
  target istio 1.30
  sync   flux
  deploy { repository "git@github.com:shop/deploy.git"; branch "releases/staging" }
  namespace shop as shop-staging
}

environment prod {
  target istio 1.31
  sync   argo-cd
  after  staging
  deploy { repository "https://gitlab.example.com/shop/deploy.git"; folder live }
}
"#;

fn templates() -> Templates {
    Templates::load(&MemoryWorld::default()).unwrap()
}

/// A rendering of [`SHOP`], with `edits` made in it.
fn rendered(environment: &str, edits: &[(&str, &str)]) -> Rendered {
    let mut text = SHOP.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let world = MemoryWorld { files: BTreeMap::from([("shop.mesh".to_owned(), text)]) };
    let mut found = Diagnostics::default();
    let project = crate::project::load(&world, &mut found);
    let compilation = Compilation::new(&project, &mut found);
    let rendered = compilation.render(&Text::new(environment), &State::default());
    assert!(!found.has_errors() && !rendered.diagnostics.has_errors(), "{found:?} {:?}", rendered.diagnostics);
    rendered
}

/// The documents of a YAML text.
fn documents(text: &str) -> Vec<serde_json::Value> {
    text.split("\n---\n").map(|document| yaml_serde::from_str(document).unwrap()).collect()
}
