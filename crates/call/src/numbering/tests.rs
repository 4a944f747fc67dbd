use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn france(text: &str) -> Option<String> {
    Numbering::default().read(text).ok().map(|number| number.to_string())
}

fn of(country: Country, text: &str) -> Option<String> {
    Numbering { country, strip: String::new() }.read(text).ok().map(|number| number.to_string())
}

#[test]
fn every_overseas_prefix_leads_to_its_country_code() {
    for (national, international) in [
        ("0262123456", "+262262123456"),
        ("0263123456", "+262263123456"),
        ("0269123456", "+262269123456"),
        ("0639012345", "+262639012345"),
        ("0692123456", "+262692123456"),
        ("0693123456", "+262693123456"),
        ("0590123456", "+590590123456"),
        ("0690123456", "+590690123456"),
        ("0691223456", "+590691223456"),
        ("0594123456", "+594594123456"),
        ("0694123456", "+594694123456"),
        ("0596123456", "+596596123456"),
        ("0696123456", "+596696123456"),
        ("0697123456", "+596697123456"),
        ("0508411234", "+508411234"),
        ("0708411234", "+508708411234"),
        ("0709012345", "+590709012345"),
        ("0709112345", "+596709112345"),
        ("0709212345", "+262709212345"),
        ("0709312345", "+594709312345"),
        ("0709352345", "+262709352345"),
        ("0123456789", "+33123456789"),
        ("0612345678", "+33612345678"),
        ("0700123456", "+33700123456"),
        ("0976123456", "+33976123456"),
        ("0639980001", "+33639980001"),
    ] {
        assert_eq!(france(national).as_deref(), Some(international), "{national}");
    }
}

#[test]
fn numbers_of_territories_with_their_own_plan_are_local_on_their_trunks_only() {
    assert_eq!(of(Country::NewCaledonia, "25 12 34").as_deref(), Some("+687251234"));
    assert_eq!(of(Country::NewCaledonia, "050123").as_deref(), Some("+687050123"));
    assert_eq!(of(Country::NewCaledonia, "687251234").as_deref(), Some("+687251234"));
    assert_eq!(of(Country::NewCaledonia, "0033123456789").as_deref(), Some("+33123456789"));
    assert_eq!(of(Country::NewCaledonia, "0123456789"), None, "there is no 0 before a number");
    assert_eq!(of(Country::Polynesia, "40 12 34 56").as_deref(), Some("+68940123456"));
    assert_eq!(of(Country::Wallis, "721234").as_deref(), Some("+681721234"));
    assert_eq!(of(Country::SaintPierre, "411234").as_deref(), Some("+508411234"));
    assert_eq!(of(Country::SaintPierre, "0123456789").as_deref(), Some("+33123456789"));
    assert_eq!(france("251234"), None);
    assert_eq!(france("40123456"), None);
    assert_eq!(
        france("687251234").as_deref(),
        Some("+33687251234"),
        "a mobile number without its 0"
    );
}

#[test]
fn an_operators_prefix_is_taken_off_where_a_number_is_left() {
    let read = |strip: &str, text: &str| {
        let numbering = Numbering { country: Country::France, strip: strip.to_owned() };
        numbering.read(text).ok().map(|number| number.to_string())
    };
    let number = Some("+33123456789".to_owned());
    assert_eq!(read("9", "90123456789"), number);
    assert_eq!(read("9", "90033123456789"), number);
    assert_eq!(read("9", "9+33123456789"), number);
    assert_eq!(read("9", "0123456789"), number, "written without it all the same");
    assert_eq!(read("9", "972101010").as_deref(), Some("+33972101010"), "nothing would be left");
    assert_eq!(read("0", "0033123456789"), number);
    assert_eq!(read("0", "00123456789"), number);
    assert_eq!(read("1234#", "1234#0033123456789"), number);
}

#[test]
fn a_phone_context_says_which_plan_a_number_is_of() {
    let read = |text: &str, context| {
        let read = Numbering::default().read_subscriber(text, context);
        read.ok().map(|number| number.to_string())
    };
    assert_eq!(read("0123456789", Some("+33")).as_deref(), Some("+33123456789"));
    assert_eq!(read("123456789", Some("+33")).as_deref(), Some("+33123456789"));
    assert_eq!(read("251234", Some("+687")).as_deref(), Some("+687251234"));
    assert_eq!(read("0123456789", Some("operator.example")).as_deref(), Some("+33123456789"));
    assert_eq!(read("+442079460958", Some("+33")).as_deref(), Some("+442079460958"));
    assert_eq!(read("0207946095", Some("+44")), None, "a plan that is not known");
}

#[test]
fn what_is_no_number_stays_none() {
    for text in ["", "+", "15", "3635", "jean", "*31", "1234567890", "012345678", "+0123456789"] {
        assert_eq!(france(text), None, "{text:?}");
    }
}

/// A number of the national plan: code and nine digits (six for Saint Pierre and Miquelon).
fn of_the_plan() -> impl Strategy<Value = (&'static str, String)> {
    let firsts: Vec<(&str, &str)> = OVERSEAS
        .iter()
        .copied()
        .filter(|(first, _)| *first != "639")
        .chain(["1", "2", "3", "4", "51", "61", "65", "73", "91"].map(|first| (first, "33")))
        .collect();
    (select(firsts), 0..1_000_000_000_u32).prop_map(|((first, _), tail)| {
        let nine: String = format!("{first}{tail:09}").chars().take(9).collect();
        let code = code_of(&nine);
        match nine.strip_prefix("508") {
            Some(six) if code == "508" => (code, six.to_owned()),
            _ => (code, nine),
        }
    })
}

proptest! {
    #[test]
    fn however_a_number_is_written_it_is_one_number((code, rest) in of_the_plan(), gap in 0..9_usize) {
        let number = Numbering::default().read(&format!("+{code}{rest}")).unwrap();
        prop_assert_eq!(number.to_string(), format!("+{code}{rest}"));
        let nine = if rest.len() == 6 { format!("508{rest}") } else { rest.clone() };
        let forms = [
            format!("00{code}{rest}"),
            format!("0{nine}"),
            nine.clone(),
            format!("+33{nine}"),
            format!("+33(0){nine}"),
            format!("0033{nine}"),
            format!("33{nine}"),
            format!("+{code}{nine}"),
            format!("+{code}0{nine}"),
            format!("{code}{rest}"),
            number.spoken(),
        ];
        for form in forms {
            let mut spaced = form.clone();
            spaced.insert(form.len().min(gap + 1), ' ');
            for text in [form, spaced] {
                let read = Numbering::default().read(&text);
                prop_assert_eq!(read, Ok(number), "{}", text);
            }
        }
    }

    #[test]
    fn numbers_abroad_are_left_as_they_are(digits in "(1|4[0-9]|7|86)[1-9][0-9]{8}") {
        for form in [format!("+{digits}"), format!("00{digits}")] {
            let number = Numbering::default().read(&form).unwrap();
            prop_assert_eq!(number.to_string(), format!("+{digits}"));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,40}", strip in "[0-9*#]{0,3}") {
        for country in [Country::France, Country::SaintPierre, Country::NewCaledonia] {
            let _ = Numbering { country, strip: strip.clone() }.read(&text);
        }
    }
}
