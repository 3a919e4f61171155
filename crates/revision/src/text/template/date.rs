//! What a template may ask of the time.

use minijinja::{Error, ErrorKind};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

/// `format` as C's strftime fills it in for a time in seconds since 1970, in UTC.
pub(super) fn strftime(format: &str, seconds: i64) -> Result<String, Error> {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (name, weekday) = (at(&MONTHS, month - 1), at(&DAYS, days.rem_euclid(7)));
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut asked = letters.next();
        // as in glibc: without leading zeros
        let bare = asked == Some('-');
        if bare {
            asked = letters.next();
        }
        let hour = second / 3600;
        let filled = match asked {
            Some('I') => format!("{:02}", (hour + 11) % 12 + 1),
            Some('p') => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            Some('j') => format!("{:03}", days - day_number(year, 1, 1) + 1),
            Some('e') => format!("{day:2}"),
            Some('D' | 'x') => format!("{month:02}/{day:02}/{:02}", year.rem_euclid(100)),
            Some('T' | 'X') => format!("{hour:02}:{:02}:{:02}", second / 60 % 60, second % 60),
            Some('R') => format!("{hour:02}:{:02}", second / 60 % 60),
            // 1970-01-01 was a Thursday
            Some('u') => ((days + 3).rem_euclid(7) + 1).to_string(),
            Some('w') => (days + 4).rem_euclid(7).to_string(),
            Some('c') => format!(
                "{} {} {day:2} {hour:02}:{:02}:{:02} {year}",
                &weekday[..3],
                &name[..3],
                second / 60 % 60,
                second % 60
            ),
            Some('r') => strftime("%I:%M:%S %p", seconds)?,
            Some('P') => if hour < 12 { "am" } else { "pm" }.to_owned(),
            Some('k') => format!("{hour:2}"),
            Some('l') => format!("{:2}", (hour + 11) % 12 + 1),
            Some('C') => format!("{:02}", year.div_euclid(100)),
            Some('U') => format!(
                "{:02}",
                (days - day_number(year, 1, 1) + 7 - (days + 4).rem_euclid(7)) / 7
            ),
            Some('W') => format!(
                "{:02}",
                (days - day_number(year, 1, 1) + 7 - (days + 3).rem_euclid(7)) / 7
            ),
            Some('V') => format!("{:02}", iso_week(days).1),
            Some('G') => iso_week(days).0.to_string(),
            Some('g') => format!("{:02}", iso_week(days).0.rem_euclid(100)),
            // Python's: millionths of a second
            Some('f') => "000000".to_owned(),
            Some('s') => seconds.to_string(),
            Some('n') => "\n".to_owned(),
            Some('t') => "\t".to_owned(),
            // a time without a zone has no name for it
            Some('Z' | 'z') => String::new(),
            Some('Y') => year.to_string(),
            Some('y') => format!("{:02}", year.rem_euclid(100)),
            Some('m') => format!("{month:02}"),
            Some('d') => format!("{day:02}"),
            Some('B') => name.to_owned(),
            Some('b' | 'h') => name[..3].to_owned(),
            Some('A') => weekday.to_owned(),
            Some('a') => weekday[..3].to_owned(),
            Some('H') => format!("{hour:02}"),
            Some('M') => format!("{:02}", second / 60 % 60),
            Some('S') => format!("{:02}", second % 60),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('%') => "%".to_owned(),
            other => {
                let asked = other.map_or(String::new(), String::from);
                let reason = format!("strftime_now: %{asked} is not known");
                return Err(Error::new(ErrorKind::InvalidOperation, reason));
            }
        };
        let short = filled.trim_start_matches(['0', ' ']);
        out.push_str(match (bare, short.is_empty()) {
            (true, false) => short,
            (true, true) => "0",
            (false, _) => &filled,
        });
    }
    Ok(out)
}

/// Year and week by ISO 8601: a week belongs to the year of its Thursday.
fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, ..) = civil(thursday);
    (year, (thursday - day_number(year, 1, 1)) / 7 + 1)
}

/// The day counted from 1970-01-01 of a date in the Gregorian calendar, the inverse of [`civil`].
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn at(names: &[&'static str], index: i64) -> &'static str {
    names[usize::try_from(index).expect("days and months are counted from zero")]
}

/// Year, month and day of a day counted from 1970-01-01 in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // eras of 400 years from March, so that the leap day is the last of its year
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates that anyone can look up, leap days and the turn of a century among them.
    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01 Thu"),
            (951_782_400, "2000-02-29 Tue"),
            (1_721_952_000, "2024-07-26 Fri"),
            (4_107_542_400, "2100-03-01 Mon"),
            (-86_400, "1969-12-31 Wed"),
        ] {
            assert_eq!(strftime("%Y-%m-%d %a", seconds).unwrap(), date);
        }
        let all = strftime("%d %b %y, %A %d %B %H:%M:%S %F 100%%", 1_721_952_000 + 3_723).unwrap();
        assert_eq!(all, "26 Jul 24, Friday 26 July 01:02:03 2024-07-26 100%");
        // Python's datetime(2024, 7, 6, 13, 2, 3) and datetime(2023, 12, 31)
        let more = strftime("%I %p %j %e %D %T %R %u %w %h %-d %-I %-m%Z", 1_720_270_923).unwrap();
        assert_eq!(more, "01 PM 188  6 07/06/24 13:02:03 13:02 6 6 Jul 6 1 7");
        assert_eq!(
            strftime("%j %I %p %-H %u", 1_703_980_800).unwrap(),
            "365 12 AM 0 7"
        );
        assert!(strftime("%Q", 0).is_err());
        assert!(strftime("%", 0).is_err());
    }
}
