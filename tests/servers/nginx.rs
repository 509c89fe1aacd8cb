//! nginx: versions of TLS, redirects, headers, and a rate limit.

use std::fs;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;
use tminus::check::{Probe, Reason, Verdict};

use crate::daemon::{Daemon, find, free_port};
use crate::{get, judged, verdicts};

/// The ports of one nginx.
struct Ports {
    plain: u16,
    /// TLS 1.2 and 1.3.
    modern: u16,
    /// TLS 1.0 to 1.2, as nobody should offer it any more.
    old: u16,
}

fn config(ports: &Ports) -> String {
    let Ports { plain, modern, old } = ports;
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
            uwsgi_temp_path t4; scgi_temp_path t5;
            limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
            limit_req_status 429;
            ssl_certificate leaf.pem; ssl_certificate_key leaf.key;
            server {{
                listen 127.0.0.1:{plain};
                location / {{ return 301 https://localhost:{modern}$request_uri; }}
                location /limited {{ limit_req zone=one burst=2 nodelay; try_files /x @ok; }}
                location @ok {{ return 200 ok; }}
            }}
            server {{
                listen 127.0.0.1:{modern} ssl http2;
                ssl_protocols TLSv1.2 TLSv1.3;
                add_header Strict-Transport-Security 'max-age=31536000; includeSubDomains' always;
                add_header Content-Security-Policy \"default-src 'self'\" always;
                add_header X-Frame-Options DENY always;
                add_header Access-Control-Allow-Origin https://app.kestrel.test always;
                location / {{ return 200 ok; }}
            }}
            server {{
                listen 127.0.0.1:{old} ssl;
                ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
                ssl_ciphers ALL:@SECLEVEL=0;
            }}
        }}"
    )
}

/// A certificate for `localhost`, its key, and the root that signed it.
fn write_certificates(folder: &TempDir) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(4000, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &root).unwrap();
    for (name, content) in [
        ("root.pem", root.pem()),
        ("leaf.pem", leaf.pem()),
        ("leaf.key", key.serialize_pem()),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
}

async fn start() -> Option<(Daemon, Ports)> {
    let nginx = find("nginx")?;
    let folder = TempDir::new().unwrap();
    write_certificates(&folder);
    let ports = Ports {
        plain: free_port().await,
        modern: free_port().await,
        old: free_port().await,
    };
    fs::write(folder.path().join("nginx.conf"), config(&ports)).unwrap();
    let prefix = folder.path().to_str().unwrap().to_owned();
    let arguments = ["-e", "stderr", "-p", &prefix, "-c", "nginx.conf"];
    let daemon = Daemon::start(&nginx, &arguments, folder, None, ports.plain).await;
    Some((daemon, ports))
}

fn tls(port: u16, refuses: &[&str]) -> Probe {
    Probe::Tls {
        host: "localhost".to_owned(),
        port: port.to_string(),
        refuses: refuses.iter().map(ToString::to_string).collect(),
    }
}

#[tokio::test]
async fn versions_of_tls_are_told_apart() {
    let Some((_nginx, ports)) = start().await else {
        return;
    };
    for version in ["1.0", "1.1"] {
        let refused = format!("refuses {version}");
        let modern = judged(&tls(ports.modern, &[version]), &[&refused]).await;
        assert_eq!(modern.verdict, Verdict::Pass, "{modern:?}");
        let old = judged(&tls(ports.old, &[version]), &[&refused]).await;
        assert_eq!(old.verdict, Verdict::Fail, "{old:?}");
        assert!(old.because.ends_with("is accepted"), "{}", old.because);
    }
    verdicts(
        &tls(ports.modern, &["1.2", "1.3"]),
        &[
            (&["version >= 1.3", "expires_in > 21d"], Verdict::Pass),
            (&["refuses 1.2"], Verdict::Fail),
            (&["refuses 1.3"], Verdict::Fail),
            (&["trusted"], Verdict::Fail),
        ],
    )
    .await;
    verdicts(
        &tls(ports.old, &["1.3"]),
        &[
            (&["version >= 1.2", "refuses 1.3"], Verdict::Pass),
            (&["version >= 1.3"], Verdict::Fail),
        ],
    )
    .await;
    // A port that speaks plain HTTP.
    verdicts(&tls(ports.plain, &[]), &[(&["trusted"], Verdict::Fail)]).await;
}

#[tokio::test]
async fn a_redirect_to_https_is_asserted_and_a_rate_limit_met() {
    let Some((_nginx, ports)) = start().await else {
        return;
    };
    let plain = format!("http://localhost:{}", ports.plain);
    verdicts(
        &Probe::Http(get(format!("{plain}/a?b=c"))),
        &[
            (
                &[
                    "status == 301",
                    "header location matches /^https:.*\\/a\\?b=c$/",
                ],
                Verdict::Pass,
            ),
            (&["status == 200"], Verdict::Fail),
        ],
    )
    .await;
    let mut burst = get(format!("{plain}/limited"));
    burst.burst = 20;
    verdicts(&Probe::Http(burst), &[(&["status == 429"], Verdict::Pass)]).await;
    let secure = Probe::Http(get(format!("https://localhost:{}/", ports.modern)));
    let ours = Verdict::Unknown(Reason::Tls);
    verdicts(&secure, &[(&["status == 200"], ours)]).await;
}

/// The program as a user has it, on a machine that trusts the root.
#[tokio::test]
async fn the_security_checks_of_a_runbook_pass_where_the_root_is_trusted() {
    let Some((nginx, ports)) = start().await else {
        return;
    };
    let (modern, folder) = (ports.modern, nginx.folder.path());
    let text = format!(
        r#"format = 1
        title = "Security"
        [[check]]
        id = "certificate"
        tls = {{ host = "localhost", port = {modern} }}
        expect = ["trusted", "version >= 1.2", "refuses 1.1", "expires_in > 21d"]
        [[check]]
        id = "headers"
        http = {{ url = "https://localhost:{modern}/", headers = {{ Origin = "https://evil.test" }} }}
        expect = [
            "status == 200",
            "header strict-transport-security exists",
            "header content-security-policy contains \"default-src\"",
            "header x-frame-options == \"DENY\"",
            "header access-control-allow-origin != \"*\"",
        ]
        [[check]]
        id = "redirect"
        http = {{ url = "http://localhost:{}/", follow = true }}
        expect = ["status == 200", "body contains \"ok\""]
        "#,
        ports.plain
    );
    fs::write(folder.join("security.toml"), text).unwrap();
    let check = |root: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_tminus"))
            .args(["check", "--trust", "security.toml"])
            .env("SSL_CERT_FILE", folder.join(root))
            .env("HOME", folder)
            .current_dir(folder)
            .output()
            .unwrap();
        let out = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(out).unwrap())
    };
    let (code, out) = check("root.pem");
    assert_eq!(code, Some(0), "{out}");
    assert_eq!(out.matches("OK").count(), 3, "{out}");
    let another = TempDir::new_in(folder).unwrap();
    write_certificates(&another);
    let name = another.path().join("root.pem");
    let (code, out) = check(name.to_str().unwrap());
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("FAIL") && out.contains("UNKNOWN"), "{out}");
}
