// The words that the sample is made of. Invariant: changing or reordering any of them changes the sample, so
// a test that names a person of it may break.

/** First names by the letter in `employees.gender`. */
export const firstNames = {
  F: [
    ...['Adaeze', 'Amira', 'Anouk', 'Beatriz', 'Carla', 'Chiara', 'Dagny', 'Daria', 'Eilidh', 'Elif'],
    ...['Esther', 'Fatou', 'Freya', 'Greta', 'Hana', 'Ines', 'Ingrid', 'Jana', 'Keiko', 'Leila'],
    ...['Linnea', 'Lucia', 'Maren', 'Mei', 'Mira', 'Nadia', 'Noor', 'Odile', 'Olena', 'Paloma'],
    ...['Priya', 'Rosa', 'Saoirse', 'Sofia', 'Thandi', 'Tove', 'Ursula', 'Vera', 'Yara', 'Zofia'],
  ],
  M: [
    ...['Aaron', 'Anders', 'Arjun', 'Bastian', 'Bram', 'Carlos', 'Cem', 'Dario', 'Diego', 'Emeka'],
    ...['Emil', 'Farid', 'Felix', 'Gabriel', 'Hassan', 'Henrik', 'Hiro', 'Ivan', 'Jakob', 'Jonas'],
    ...['Kaito', 'Karim', 'Kwame', 'Lars', 'Liam', 'Luca', 'Mateus', 'Milan', 'Nils', 'Omar'],
    ...['Oskar', 'Pavel', 'Rafael', 'Rohan', 'Samuel', 'Sven', 'Tariq', 'Tomas', 'Viktor', 'Yusuf'],
  ],
  X: ['Alex', 'Charlie', 'Jules', 'Kim', 'Robin', 'Sam', 'Sasha', 'Toni'],
} as const;

/** Last names. */
export const lastNames = [
  ...[
    'Abara',
    'Acheson',
    'Aguilar',
    'Almeida',
    'Andersson',
    'Aydin',
    'Bakker',
    'Banerjee',
    'Bauer',
    'Becker',
  ],
  ...['Benali', 'Bianchi', 'Borg', 'Brandt', 'Carvalho', 'Castillo', 'Chen', 'Cohen', 'Costa', 'Dahl'],
  ...['Danso', 'Demir', 'Diallo', 'Dietrich', 'Duarte', 'Dubois', 'Eriksen', 'Esposito', 'Farkas', 'Ferrari'],
  ...['Fischer', 'Fontaine', 'Fujita', 'Garnier', 'Gruber', 'Haas', 'Haddad', 'Hansen', 'Hoffmann', 'Horvat'],
  ...['Ibrahim', 'Ito', 'Jansen', 'Jensen', 'Kaya', 'Keller', 'Khan', 'Kovac', 'Kowalski', 'Lange'],
  ...['Larsen', 'Leclerc', 'Lindqvist', 'Lopez', 'Marin', 'Mendes', 'Meyer', 'Moreau', 'Mori', 'Nair'],
  ...['Nakamura', 'Nowak', 'Nyberg', "O'Dowd", 'Okafor', 'Olsen', 'Ortega', 'Patel', 'Petrov', 'Quispe'],
  ...['Rahman', 'Ricci', 'Rossi', 'Saito', 'Santos', 'Schmid', 'Silva', 'Tanaka', 'Van Dijk', 'Yilmaz'],
] as const;

/** Departments by their number. */
export const departments = [
  ['d001', 'Administration'],
  ['d002', 'Customer Care'],
  ['d003', 'Engineering'],
  ['d004', 'Finance'],
  ['d005', 'Legal'],
  ['d006', 'Logistics'],
  ['d007', 'Marketing'],
  ['d008', 'People'],
  ['d009', 'Research'],
  ['d010', 'Sales'],
] as const;

/** Careers: titles in the order in which they are held. */
export const careers = [
  ['Assistant', 'Specialist', 'Senior Specialist'],
  ['Junior Engineer', 'Engineer', 'Senior Engineer', 'Principal Engineer'],
  ['Analyst', 'Senior Analyst'],
  ['Associate', 'Account Manager', 'Key Account Manager'],
  ['Researcher', 'Senior Researcher'],
] as const;
