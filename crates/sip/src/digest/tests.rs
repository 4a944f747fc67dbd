//! RFC 7616 §3.9.1, and the form without `qop` of RFC 2069 as its erratum 749 corrects it.

use super::*;

#[test]
fn the_responses_of_rfc_7616() {
    let method = Method::Other("GET".into());
    let proof = Proof {
        nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        quality: Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
        method: &method,
        uri: "/dir/index.html",
    };
    let (user, realm, password) = ("Mufasa", "http-auth@example.org", "Circle of Life");
    let md5 = hex(&ha1_md5(user, realm, password));
    assert_eq!(proof.response(Algorithm::Md5, &md5), "8ca523f5e9506fed4657c9700eebdbec");
    let sha256 = hex(&ha1_sha256(user, realm, password));
    assert_eq!(
        proof.response(Algorithm::Sha256, &sha256),
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    );
}

#[test]
fn the_response_of_rfc_2069() {
    let method = Method::Other("GET".into());
    let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
    let proof = Proof { nonce, quality: None, method: &method, uri: "/dir/index.html" };
    let ha1 = hex(&ha1_md5("Mufasa", "testrealm@host.com", "CircleOfLife"));
    assert_eq!(proof.response(Algorithm::Md5, &ha1), "1949323746fe6a43ef61f9606e7febea");
}

#[test]
fn comparison_sees_every_difference() {
    assert!(is_equal_constant_time(b"abc", b"abc"));
    assert!(!is_equal_constant_time(b"abc", b"abd"));
    assert!(!is_equal_constant_time(b"abc", b"ab"));
}
