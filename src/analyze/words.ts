import { eng } from 'stopword'

/** Words of captions that judge, guess or set a mood instead of naming what is there. */
const PROSE = `
abstract ambiance appealing appear appearing appears atmosphere attractive aura beautiful beautifully beauty calm captures
captivating caption capturing charm charming cheerful comfortable conveying conveys cozy creates creating depicted depicting
depicts describe described description dramatic dynamic elegant emphasizing energetic engaging enjoying essence evoking evokes
exudes feel feeling festive focus gives giving harmonious highlighting highlights hint hints idea idyllic image imagery implies
implying impression indicates indicating inspiring interesting intriguing inviting joyful likely likelihood lively lovely
maybe meaning melancholic mood moment mysterious narrative nice nostalgic notable noticeable overall peaceful perhaps
photo photograph picture picturesque playful pleasant possible possibly presence probably quality relaxed relaxing romantic scene seem seemingly
seems sense serene setting shown shows significance simple somber sophisticated story striking style stunning suggest suggesting
suggestive suggests symbolic symbolizes symbolizing symbolism theme timeless tone tranquil typical unique vibe view visible
visually warmth whimsical wonderful
`

const NON_VISUAL = new Set([...eng, ...PROSE.trim().split(/\s+/)])

/** Whether a lower-case English word names nothing that a picture could show. */
export function isNonVisual(word: string): boolean {
  return NON_VISUAL.has(word)
}
