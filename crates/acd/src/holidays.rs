//! Public holidays (`PH`) of France and its territories, by rule for any year.
//!
//! A calendar is the eleven days of the Code du travail, L3133-1, and the territory's own. A
//! practice adds days (a bridge day, a patron saint's) and removes some (it works on Whit Monday).

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::civil::Date;

/// Whose public holidays.
#[derive(
    Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum Territory {
    #[default]
    France,
    AlsaceMoselle,
    Guadeloupe,
    Guyane,
    Martinique,
    Mayotte,
    NouvelleCaledonie,
    PolynesieFrancaise,
    Reunion,
    SaintBarthelemy,
    SaintMartin,
    SaintPierreEtMiquelon,
    WallisEtFutuna,
    /// No public holidays: `PH` never applies, but for added days.
    None,
}

/// A practice's holidays.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Default, Serialize, Deserialize)]
pub struct Holidays {
    pub territory: Territory,
    pub added: BTreeSet<Date>,
    /// Also wins over an added day.
    pub removed: BTreeSet<Date>,
}

#[derive(Copy, Clone, Debug)]
enum Day {
    /// Month, day.
    Fixed(u32, u32),
    /// In years before this one, month, day.
    Before(i32, u32, u32),
    /// From this year on, month, day.
    From(i32, u32, u32),
    /// Days after Easter Sunday.
    Easter(i64),
}

use Day::{Before, Easter, Fixed, From};

/// With what it is called, in French.
type Named = (Day, &'static str);

/// Code du travail, L3133-1.
const EVERYWHERE: [Named; 11] = [
    (Fixed(1, 1), "Jour de l'an"),
    (Easter(1), "Lundi de Pâques"),
    (Fixed(5, 1), "Fête du Travail"),
    (Fixed(5, 8), "Victoire 1945"),
    (Easter(39), "Ascension"),
    (Easter(50), "Lundi de Pentecôte"),
    (Fixed(7, 14), "Fête nationale"),
    (Fixed(8, 15), "Assomption"),
    (Fixed(11, 1), "Toussaint"),
    (Fixed(11, 11), "Armistice 1918"),
    (Fixed(12, 25), "Noël"),
];

const GOOD_FRIDAY: Named = (Easter(-2), "Vendredi saint");
const SCHOELCHER: Named = (Fixed(7, 21), "Fête Victor Schœlcher");
const ABOLITION: &str = "Abolition de l'esclavage";

/// What a day of [`Holidays::added`] is called.
const ADDED: &str = "jour ajouté";

/// Each territory, its name in a configuration, and the days that it has besides.
const TERRITORIES: [(Territory, &str, &[Named]); 14] = [
    (Territory::France, "france", &[]),
    // Code du travail, L3134-13. It has Good Friday where the commune has a Protestant church or a
    // church of both faiths: nearly everywhere, so always here; elsewhere the practice removes it.
    (Territory::AlsaceMoselle, "alsace-moselle", &[GOOD_FRIDAY, (Fixed(12, 26), "Saint-Étienne")]),
    // The end of slavery: Code du travail, L3422-2. Good Friday and Victor Schœlcher's day in the
    // Antilles are no law but local agreements and use; official lists have the latter.
    (Territory::Guadeloupe, "guadeloupe", &[GOOD_FRIDAY, (Fixed(5, 27), ABOLITION), SCHOELCHER]),
    (Territory::Guyane, "guyane", &[(Fixed(6, 10), ABOLITION)]),
    (Territory::Martinique, "martinique", &[GOOD_FRIDAY, (Fixed(5, 22), ABOLITION), SCHOELCHER]),
    (Territory::Mayotte, "mayotte", &[(Fixed(4, 27), ABOLITION)]),
    (
        Territory::NouvelleCaledonie,
        "nouvelle-caledonie",
        &[(Fixed(9, 24), "Fête de la citoyenneté")],
    ),
    // For the day of autonomy the assembly put Matari'i i ni'a on 6 May 2025, from 2026 on.
    (
        Territory::PolynesieFrancaise,
        "polynesie-francaise",
        &[
            (Fixed(3, 5), "Arrivée de l'Évangile"),
            GOOD_FRIDAY,
            (Before(2026, 6, 29), "Fête de l'autonomie"),
            (From(2026, 11, 20), "Matari'i i ni'a"),
        ],
    ),
    (Territory::Reunion, "la-reunion", &[(Fixed(12, 20), ABOLITION)]),
    (Territory::SaintBarthelemy, "saint-barthelemy", &[(Fixed(10, 9), ABOLITION)]),
    // The code says 27 May; the State and the territory keep 28 May since 2018 (circulars, on the
    // law 2017-256 and the territory's resolution of 5 November 2015).
    (
        Territory::SaintMartin,
        "saint-martin",
        &[(Before(2018, 5, 27), ABOLITION), (From(2018, 5, 28), ABOLITION)],
    ),
    (Territory::SaintPierreEtMiquelon, "saint-pierre-et-miquelon", &[]),
    (
        Territory::WallisEtFutuna,
        "wallis-et-futuna",
        &[(Fixed(4, 28), "Saint Pierre Chanel"), (Fixed(7, 29), "Fête du territoire")],
    ),
    (Territory::None, "none", &[]),
];

impl Territory {
    /// By its name in a configuration: `france`, `alsace-moselle`, `la-reunion`, …
    pub fn read(name: &str) -> Option<Self> {
        TERRITORIES.iter().find(|(_, known, _)| *known == name).map(|(territory, ..)| *territory)
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        TERRITORIES.iter().map(|(_, name, _)| *name)
    }

    /// Its name in a configuration.
    pub fn as_str(self) -> &'static str {
        let known = TERRITORIES.iter().find(|(territory, ..)| *territory == self);
        known.map_or("none", |(_, name, _)| *name)
    }

    /// Each with what it is called there.
    fn days(self, year: i32) -> impl Iterator<Item = (NaiveDate, &'static str)> {
        let everywhere: &[Named] = if self == Self::None { &[] } else { &EVERYWHERE };
        let own = TERRITORIES.iter().find(|(territory, ..)| *territory == self);
        let own: &[Named] = own.map_or(&[], |(.., days)| days);
        let days = everywhere.iter().chain(own);
        days.filter_map(move |(day, name)| Some((day.in_year(year)?, *name)))
    }
}

impl Holidays {
    pub fn contains(&self, date: Date) -> bool {
        self.name(date).is_some()
    }

    /// What the holiday is called, in French; `None`: that day is none.
    pub fn name(&self, date: Date) -> Option<&'static str> {
        self.named_in_year(date.0.year()).find(|(day, _)| *day == date.0).map(|(_, name)| name)
    }

    /// In no order; a day may be there twice.
    pub(crate) fn in_year(&self, year: i32) -> impl Iterator<Item = NaiveDate> {
        self.named_in_year(year).map(|(day, _)| day)
    }

    fn named_in_year(&self, year: i32) -> impl Iterator<Item = (NaiveDate, &'static str)> {
        let added = self.added.iter().map(|date| date.0).filter(move |day| day.year() == year);
        let days = self.territory.days(year).chain(added.map(|day| (day, ADDED)));
        days.filter(|(day, _)| !self.removed.contains(&Date(*day)))
    }
}

impl Day {
    fn in_year(self, year: i32) -> Option<NaiveDate> {
        let (month, day) = match self {
            Fixed(month, day) => (month, day),
            Before(end, month, day) if year < end => (month, day),
            From(start, month, day) if year >= start => (month, day),
            Before(..) | From(..) => return None,
            Easter(after) => {
                return easter(year)?.checked_add_signed(TimeDelta::days(after));
            }
        };
        NaiveDate::from_ymd_opt(year, month, day)
    }
}

/// Easter Sunday of the Gregorian calendar, by the rule of Meeus, Jones and Butcher.
fn easter(year: i32) -> Option<NaiveDate> {
    let golden = year % 19;
    let (century, of_century) = (year / 100, year % 100);
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let day = epact + weekday - 7 * late + 114;
    let (month, day) = (u32::try_from(day / 31).ok()?, u32::try_from(day % 31).ok()?);
    NaiveDate::from_ymd_opt(year, month, day + 1)
}
